"""`python -m tests.scale` from the outside, with as few streams and seconds as there can be."""

import asyncio
import os
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from matplotlib.image import imread

from tests.process import ROOT
from tests.scale_stream import Stream

MARK = "TEST_SCALE_MARK"
COLUMNS = 13


def marked(mark: str) -> list[psutil.Process]:
    """The processes that have inherited it, whoever their parent is by now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


async def test_it_prints_a_table_draws_a_picture_and_leaves_nothing_running(tmp_path: Path) -> None:
    mark, folder = uuid.uuid4().hex, tmp_path / "new"
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "tests.scale", "--streams", "1,8", "--seconds", "1", "--out", folder,
        cwd=ROOT, env=os.environ | {MARK: mark}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, errors = await asyncio.wait_for(program.communicate(), 60)
        left = [process.cmdline() for process in marked(mark)]
    finally:
        for process in marked(mark):
            process.kill()
        await program.wait()
    assert (program.returncode, errors.decode(), left) == (0, "", [])
    titles, *rows, picture = out.decode().splitlines()
    assert titles.split()[:2] == ["streams", "tokens/s"]
    figures = [[float(cell.rstrip("%")) for cell in row.split()] for row in rows]
    assert [(row[0], len(row)) for row in figures] == [(1, COLUMNS), (8, COLUMNS)]
    for streams, tokens_a_second, *_ in figures:
        assert 0 < tokens_a_second <= 25 * streams
    assert picture == str(folder / "scale.png")
    assert imread(picture).shape[:2] == (504, 1320)


def streamed(tokens: int, done: bool) -> bytes:
    """As the server sends it: the head, and chunks with one event or more."""
    event = b'data: {"id":"a","choices":[{"index":0,"text":"{"}]}\n\n'
    parts = [event] * (tokens - 2) + [event * 2] + [b"data: [DONE]\n\n", b""] * done
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


@pytest.mark.parametrize("piece", [1, 7, 50, 1000])
async def test_tokens_are_counted_however_they_arrive(piece: int) -> None:
    for done in (False, True):
        stream, answer = Stream(b""), streamed(3, done)
        for start in range(0, len(answer), piece):
            stream.data_received(answer[start : start + piece])
        assert stream.first.done()
        assert stream.first.exception() is None
        assert (len(stream.moments), stream.ended) == (3, done)


async def test_a_refusal_is_no_stream() -> None:
    stream = Stream(b"")
    stream.data_received(b"HTTP/1.1 429 Too Many Requests\r\n\r\n")
    assert stream.first.done()
    with pytest.raises(ConnectionError, match="429"):
        stream.first.result()
