"""Imports point down only, and rooms of one layer do not know each other."""

import ast
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[1] / "server"
LAYERS = {
    "errors": 0, "heap": 0, "settings": 0,
    "admission": 1, "engine": 1, "streaming": 1, "telemetry": 1,
    "openai": 2, "demo": 2, "bench": 2, "api": 3, "lifecycle": 4, "reload": 4, "app": 5, "cli": 6, "__main__": 6,
}  # fmt: skip
FILES = sorted(path for path in SERVER.rglob("*.py") if path != SERVER / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(SERVER).parts[0].removesuffix(".py")


def rooms_imported(path: Path) -> set[str]:
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            modules.append(node.module or "")
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    return {module.split(".")[1] for module in modules if module.startswith("server.")}


def test_every_room_has_a_layer() -> None:
    assert {room(path) for path in FILES} == set(LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SERVER)))
def test_imports_point_down(path: Path) -> None:
    own = room(path)
    for other in rooms_imported(path) - {own}:
        ground = (own, other) == ("settings", "errors")
        entry = (own, other) == ("__main__", "cli")
        assert LAYERS[other] < LAYERS[own] or ground or entry, f"{path.name} imports {other}"


def test_only_the_engine_imports_vllm() -> None:
    importing = [path for path in FILES if "import vllm" in path.read_text() or "from vllm" in path.read_text()]
    names = ("cpu_worker.py", "mailbox.py", "outputs.py", "processed.py", "renderer.py", "vllm.py")
    assert importing == [SERVER / "engine" / name for name in names]
