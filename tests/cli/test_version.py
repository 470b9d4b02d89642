"""`sluice --version` tells of all that matters, from where it is written once."""

import platform
import subprocess
import sys
import tomllib
from importlib.metadata import version

import sluice
from sluice.cli.version import installed
from tests.process import ROOT


def test_it_names_all_four() -> None:
    said = subprocess.run([sys.executable, "-m", "sluice", "--version"], capture_output=True, text=True, check=True)
    ours, vllm, torch, python = said.stdout.splitlines()
    assert ours == f"Sluice {sluice.__version__}"
    assert vllm.startswith("vLLM ")
    assert vllm != "vLLM not installed"
    assert torch == f"torch {version('torch')}"
    assert python == f"Python {platform.python_version()}"


def test_what_is_not_there_is_said() -> None:
    assert installed("no-such-package", "neither-this") == "not installed"


def test_the_package_has_it_from_the_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "sluice.__version__"}
