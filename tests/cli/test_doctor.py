"""`sluice doctor` as a user calls it, on a machine whose driver, hub and port are the test's."""

import json
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sluice.doctor import hardware
from sluice.engine.gpus import Gpu, Memory, host_memory
from tests.bench.peer import answering, whole
from tests.cli.command import sluice

GIB = 1024**3
SMI = """#!/bin/sh
case "$1" in
  --query-gpu=name,memory.total,memory.free,driver_version,uuid)
    echo "NVIDIA H200, 143771, 143156, 570.86.15, GPU-11111111-aaaa"
    echo "NVIDIA H200, 143771, 71000, 570.86.15, GPU-22222222-bbbb" ;;
  "") echo "| NVIDIA-SMI 570.86.15    Driver Version: 570.86.15    CUDA Version: 12.8 |" ;;
  -L) echo "GPU 0: NVIDIA H200 (UUID: GPU-11111111-aaaa)" ;;
esac
"""


@pytest.fixture
def with_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nvidia-smi's forms, of a driver 570; written down from NVIDIA's documentation, for there is no GPU here."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text(SMI)
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


def hub(path: str, body: bytes) -> Sequence[bytes]:
    return whole(200, b"")


async def test_each_thing_has_a_line() -> None:
    async with answering(hub) as peer:
        code, out, err = await sluice("doctor", "--set", "http.port=0", env={"HF_ENDPOINT": peer.url})
    assert (code, err) == (0, "")
    lines = dict(re.findall(r"^fine   (\w+): (.*)$", out, re.M))
    assert list(lines) == ["python", "torch", "gpu", "cuda", "memory", "hub", "port", "vllm"], out
    assert lines["hub"] == f"{peer.url} answers"
    assert lines["vllm"].endswith("output path direct")


async def test_what_is_wrong_has_a_mend_and_exit_1(with_gpus: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as gone:
        port, nobody = taken.getsockname()[1], f"http://127.0.0.1:{gone.getsockname()[1]}"
        gone.close()
        code, out, err = await sluice(
            "doctor", "--json", "--set", f"http.port={port}",
            env={"HF_ENDPOINT": nobody, "CUDA_VISIBLE_DEVICES": "1,GPU-1111"},
        )  # fmt: skip
    assert (code, err) == (1, "")
    found: dict[str, Any] = {each["name"]: each for each in json.loads(out)}
    assert found["port"]["state"] == "wrong"
    assert re.search(r"--set http.port=\d+ is free, or end process \d+ \(", found["port"]["mend"])
    assert (found["hub"]["state"], nobody in found["hub"]["says"]) == ("mind", True)
    assert found["gpu"]["says"] == "2 × NVIDIA H200, driver 570.86.15"
    assert (found["cuda"]["state"], found["cuda"]["mend"]) == ("wrong", "make install DEVICE=cuda")
    assert found["gpu 0 memory"]["mend"].endswith("set engine.extra.gpu_memory_utilization to 0.48")
    assert found["gpu 1 memory"]["state"] == "fine"


async def test_a_vllm_that_cannot_be_imported_is_said(tmp_path: Path) -> None:
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").write_text("raise ImportError('libnuma.so.1: no such file')")
    code, out, _ = await sluice(
        "doctor", "--set", "http.port=0", env={"PYTHONPATH": first_on_path(tmp_path), "HF_HUB_OFFLINE": "1"}
    )
    assert code == 1
    assert re.search(
        r"^wrong  vllm: .* cannot be imported: ImportError: libnuma.so.1: no such file → install", out, re.M
    )
    assert "hub: not asked: HF_HUB_OFFLINE says so" in out


def first_on_path(folder: Path) -> str:
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


HERE = [Gpu("NVIDIA L4", Memory(24 * GIB, 23 * GIB), "550.54", "GPU-1")]


@pytest.mark.parametrize(
    ("newest", "built", "state"),
    [((12, 4), "12.8", "fine"), ((12, 8), "13.0", "wrong"), ((13, 0), "12.8", "fine"), (None, "12.8", "mind"),
     ((12, 4), None, "wrong")],
)  # fmt: skip
def test_cuda_of_driver_and_torch_go_together_by_their_first_number(
    newest: tuple[int, int] | None, built: str | None, state: str
) -> None:
    finding = hardware.cuda(HERE, newest, built)
    assert (finding.state, finding.mend is None) == (state, state == "fine")


def test_a_container_has_the_memory_that_it_may_use(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("100\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert host_memory(tmp_path).total > 1000
    (tmp_path / "memory.max").write_text("1000\n")
    assert host_memory(tmp_path) == Memory(1000, 900)


def test_a_full_machine_is_wrong() -> None:
    (finding,) = hardware.memory(Memory(16 * GIB, GIB), [])
    assert (finding.state, finding.says) == ("wrong", "1.0 of 16.0 GiB are free")
