"""How the settings' file is read again: once where it is a pipe, and never on the event loop."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.admission import Tenants
from sluice.admission.tenants import Owners
from sluice.reload import Reload
from sluice.settings import Settings
from tests.held import held
from tests.test_reload import serve_file, write


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sluice.yaml"


async def test_a_pipe_is_read_once(file: Path) -> None:
    """A shell's `<(…)`: read again, it would be empty, and every limit gone."""
    os.mkfifo(file)
    writing = asyncio.create_task(asyncio.to_thread(write, file, traffic={"max_concurrency": 8}))
    async with serve_file(file) as server:
        await writing
        await server.has(phase="ready", max_concurrency=8)
        await server.line("is not watched: it can be read only once", within=10)
        server.send(signal.SIGHUP)
        await server.line("Kept the old settings: .*: it can be read only once", within=10)
        await server.has(max_concurrency=8)


def reloading(file: Path, lines: list[str], apply: Callable[[Settings, Owners], None]) -> Reload:
    """Of a server that runs already."""
    loaded = asyncio.Event()
    loaded.set()
    return Reload(Settings(), file, (), loaded=loaded, apply=apply, announce=lines.append)


def many_tenants(weight: int) -> str:
    lines = (f"- {{name: t{i}, keys: ['sha256:{i:064x}'], weight: {weight}}}\n" for i in range(1000))
    return f"tenants:\n{''.join(lines)}"


async def test_no_file_holds_the_loop(file: Path) -> None:
    lines: list[str] = []
    tenants = Tenants([], {})
    reload = reloading(file, lines, lambda settings, owners: tenants.take(settings.tenants, owners))
    laughs = "a: &a [x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    texts = many_tenants(1), many_tenants(2), laughs, "x" * 2_000_000, "a: [" + "1," * 400_000
    gc.freeze()  # as the server does, once it has loaded
    async with held() as loop:
        for text in texts:
            await asyncio.to_thread(file.write_text, text)
            assert await reload.reload()
    gc.unfreeze()
    assert loop.longest < 0.05
    assert lines[0].startswith("Changed tenants.t0: new, tenants.t1: new, ")
    assert lines[1].startswith("Changed tenants.t0.weight: 1 → 2, tenants.t1.weight: 1 → 2, ")
    assert all(line.endswith(" and 980 more") for line in lines[:2])
    assert [line.startswith(f"Kept the old settings: {file}") for line in lines[2:]] == [True, True, True]


async def test_keys_are_read_beside_the_loop(file: Path, tmp_path: Path) -> None:
    """One that is a pipe, say, waits for whoever writes it."""
    applied: list[Owners] = []
    reload = reloading(file, [], lambda settings, owners: applied.append(owners))
    os.mkfifo(key := tmp_path / "key")
    write(file, tenants=[{"name": "a", "keys": [f"file:{key}"]}])
    reading = asyncio.create_task(reload.reload())
    await asyncio.wait_for(asyncio.to_thread(key.write_text, "sk-a"), 10)
    assert await asyncio.wait_for(reading, 10)
    assert next(tenant and tenant.name for tenant in applied[0].values()) == "a"
