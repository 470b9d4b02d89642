"""Imports point down only, rooms of one layer do not know each other, and nothing imports in a circle."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "server" / "sluice"
LAYERS = {
    "errors": 0, "heap": 0, "settings": 0, "stderr": 0,
    "admission": 1, "engine": 1, "transport": 1, "telemetry": 1,
    "wire": 2, "demo": 2, "bench": 2, "client": 2, "page": 2, "live": 2, "anthropic": 3, "openai": 3, "api": 4,
    "checked": 5, "lifecycle": 5, "listeners": 5, "reload": 5,
    "app": 6, "doctor": 6, "draft": 6, "survey": 6, "welcome": 6,
    "serving": 7, "asgi": 7, "cli": 8, "__main__": 8,
}  # fmt: skip
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in [*FILES, PACKAGE / "__init__.py"]}


def imported(path: Path) -> set[str]:
    """Our modules that this one names, be it for the types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module or "")
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name for name in found if name.split(".")[0] == "sluice"}


def test_every_room_has_a_layer() -> None:
    assert {room(path) for path in FILES} == set(LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = room(path)
    for other in {name.split(".")[1] for name in imported(path) if "." in name} - {own}:
        ground = (own, other) == ("settings", "errors")
        entry = (own, other) == ("__main__", "cli")
        assert LAYERS[other] < LAYERS[own] or ground or entry, f"{path.name} imports {other}"


def test_nothing_imports_in_a_circle() -> None:
    """A package's own `__init__` stands above its modules: it only lists them."""
    graph = {name: imported(path) - {name} for name, path in MODULES.items()}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which names them


def test_only_the_engine_imports_vllm() -> None:
    importing = {path for path in FILES if "import vllm" in path.read_text() or "from vllm" in path.read_text()}
    assert {path.relative_to(PACKAGE).parts[:2] for path in importing} == {("engine", "vllm")}


DIRECT = PACKAGE / "engine" / "vllm" / "direct"
PRIVATE = re.compile(
    r"vllm\.v1\.(engine\.(core|detokenizer|logprobs|output_processor)|metrics|serial_utils)"
    r"|import EngineCore|\.(engine_core|output_handler|output_processor|logger_manager)\b"
)
"""Of vLLM, what no other version owes us."""


def test_vllms_private_api_is_in_one_folder() -> None:
    using = {path for path in FILES if PRIVATE.search(path.read_text())}
    assert using
    assert {path.parent for path in using} == {DIRECT}


def test_only_the_probe_knows_the_direct_way() -> None:
    knowing = {path for path in FILES if any(name.startswith("sluice.engine.vllm.direct") for name in imported(path))}
    assert {path for path in knowing if path.parent != DIRECT} == {DIRECT.parent / "probe.py"}
