"""The locks pin everything, agree with pyproject.toml, and hold nothing that breaks the CPU build."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEVICES = ["cpu", "cuda"]
NOT_ON_CPU = {"torchvision", "torchaudio", "torchcodec", "triton"}
TORCH_INDEX = "download.pytorch.org"


def lines(device: str) -> list[str]:
    text = (ROOT / f"requirements-{device}.lock").read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins(device: str) -> dict[str, str]:
    """What the lock installs here: name → version."""
    here = [r for r in map(Requirement, lines(device)) if r.marker is None or r.marker.evaluate()]
    assert len(here) == len({r.name for r in here}), "two pins for one package"
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in here}


def unmet(requirements: list[Requirement], locked: dict[str, str]) -> list[str]:
    """Those that the lock does not satisfy."""
    wanted = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return [str(r) for r in wanted if not r.specifier.contains(locked.get(canonicalize_name(r.name), "0"), True)]


@pytest.mark.parametrize("device", DEVICES)
def test_every_line_is_one_exact_pin(device: str) -> None:
    assert len(lines(device)) > 100
    assert [line for line in lines(device) if not re.fullmatch(r"[a-z0-9-]+==[\w.+!]+( ; [^#@]+)?", line)] == []


@pytest.mark.parametrize("device", DEVICES)
def test_lock_satisfies_pyproject(device: str) -> None:
    extras = PROJECT["optional-dependencies"]
    declared = PROJECT["dependencies"] + extras[device] + extras["dev"]
    assert unmet([Requirement(line) for line in declared], pins(device)) == []


def test_both_locks_serve_on_the_same_versions() -> None:
    names = [canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]]
    cpu, cuda = pins("cpu"), pins("cuda")
    assert {name: cpu[name] for name in names} == {name: cuda[name] for name in names}


def test_torch_is_the_build_for_the_device() -> None:
    assert pins("cpu")["torch"].endswith("+cpu")
    assert "+" not in pins("cuda")["torch"]
    assert f"TORCH_CPU := torch=={pins('cpu')['torch']}\n" in (ROOT / "Makefile").read_text()


def test_cpu_lock_holds_no_cuda() -> None:
    names = {Requirement(line).name for line in lines("cpu")}
    assert {name for name in names if name in NOT_ON_CPU or name.startswith(("nvidia", "cuda"))} == set()


def test_cpu_lock_lacks_nothing_else_that_its_packages_ask_for() -> None:
    """It is installed with --no-deps, so nothing else would notice."""
    locked = pins("cpu")
    missing = {}
    for name in locked:
        try:
            asked = [r for r in map(Requirement, requires(name) or []) if r.name not in NOT_ON_CPU]
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed: this environment is not made from the CPU lock")
        if lacking := unmet(asked, locked):
            missing[name] = lacking
    assert missing == {}


def test_what_is_installed_is_called_sluice_and_is_whole(tmp_path: Path) -> None:
    """Built from a copy, for a build leaves folders behind."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "server", tmp_path / "server", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, tmp_path]
    subprocess.run([sys.executable, "-m", "pip", *map(str, build)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0].removesuffix(f"-{version('sluice')}.dist-info") for name in installed} == {"sluice"}
    package = tmp_path / "server" / "sluice"
    kinds = {".py", ".typed", ".jinja", ".json", ".safetensors", ".html", ".css", ".js", ".svg"}
    needed = [path for path in package.rglob("*") if path.suffix in kinds or path.name == "LICENSE"]
    assert {str(path.relative_to(package.parent)) for path in needed} <= installed


def test_no_file_names_a_registry() -> None:
    """Whoever installs brings their own; only PyTorch's index, which has the CPU build, is named."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    files = [path for name in names if name and (path := ROOT / name).is_file()]
    assert ROOT / "pyproject.toml" in files

    registry = re.compile("|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "anaconda" + r"\.org"]).encode())
    assert [path.name for path in files if registry.search(path.read_bytes())] == []

    builds = [path for path in files if path.parent == ROOT / "docker" or path.name in {"Makefile", "pyproject.toml"}]
    urls = re.findall(r"https?://[^\s'\"]+", "\n".join(path.read_text() for path in builds))
    assert {urlsplit(url).hostname for url in urls} == {TORCH_INDEX, "127.0.0.1"}
