"""The notebook runs from top to bottom against a real server, and what it prints is what happened."""

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbformat
import psutil
import pytest
import yaml
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "concurrency.ipynb"
SMALL = {
    "CONFIG": "configs/demo.yaml", "CONCURRENCY": [2], "CLIENTS": [1, 4], "MEASURED": 1, "COUNT_TO": 10, "KNOCKS": 7,
    "LONG_COUNT_TO": 50, "MAX_GAP_MS": 50, "MAX_WAIT_S": 5,
}  # fmt: skip
MARK = "NOTEBOOK_TEST"

pytestmark = pytest.mark.timeout(600)


def read() -> NotebookNode:
    notebook: NotebookNode = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def parameters(notebook: NotebookNode) -> Any:
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    return cell


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def images(notebook: NotebookNode) -> list[str]:
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    return [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]


def printed(notebook: NotebookNode, cell_id: str) -> str:
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def rows(table: str) -> list[list[float]]:
    """The numbers of a printed table, without its heading."""
    return [[float(cell) for cell in line.split()] for line in table.splitlines()[1:]]


def marked(mark: str) -> list[psutil.Process]:
    """The processes that have inherited the mark."""
    return [p for p in psutil.process_iter(["environ"]) if (p.info["environ"] or {}).get(MARK) == mark]


@pytest.fixture(scope="module")
def small() -> Iterator[NotebookNode]:
    """The notebook, executed with small parameters."""
    notebook = read()
    parameters(notebook).source = "\n".join(f"{name} = {value!r}" for name, value in SMALL.items())
    mark = uuid4().hex
    client = NotebookClient(notebook, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    try:
        client.execute(env=os.environ | {MARK: mark})
        strays = marked(mark)
        assert strays == []
        yield notebook
    finally:
        for process in marked(mark):
            process.kill()


def test_small_parameters_are_the_notebooks_own() -> None:
    assigned = [node.targets[0] for node in ast.parse(parameters(read()).source).body if isinstance(node, ast.Assign)]
    assert {name.id for name in assigned if isinstance(name, ast.Name)} == set(SMALL)


def test_measures_every_point(small: NotebookNode) -> None:
    points = rows(printed(small, "measure"))
    assert [point[:4] for point in points] == [[2, 1, 2, 2], [2, 4, 8, 8]]  # concurrency, clients, answers, exact
    for _, _, _, _, answers_a_second, tokens_a_second, first_p50, first_p95, gap_p50, gap_p95, cpu in points:
        assert 10 * answers_a_second < tokens_a_second < 40 * answers_a_second
        assert 0 < first_p50 <= first_p95
        assert 0 < gap_p50 <= gap_p95
        assert 0 < cpu < 2
    assert printed(small, "exact") == "10 of 10 answers are right to the letter\n"


def test_draws_one_figure(small: NotebookNode) -> None:
    assert len(images(small)) == 1


def test_reads_the_two_numbers_from_the_points(small: NotebookNode) -> None:
    assert "\nconcurrency: 2  #" in printed(small, "choose-concurrency")
    ((concurrency, clients, rate, waiting, law, _),) = rows(printed(small, "little"))
    assert (concurrency, clients, waiting) == (2, 4, 2)
    assert law == pytest.approx(waiting / rate, rel=0.02)
    chosen = yaml.safe_load(printed(small, "choose-max"))["traffic"]
    assert chosen == {"concurrency": 2, "max_concurrency": pytest.approx(2 + 5 * rate, abs=1.1)}  # the rate is rounded


def test_counts_who_is_refused(small: NotebookNode) -> None:
    door: dict[str, Any] = json.loads(printed(small, "door"))
    assert (door["sent"], door["max_concurrency"]) == (7, 4)
    assert door["answered with 200"] == door["of those, right to the letter"] == 4
    assert door["refused with 429"] == 3
    assert all(seconds >= 1 for seconds in door["Retry-After, seconds"])
    assert door["slowest refusal, seconds"] < door["slowest answer, seconds"]


def test_shows_the_status(small: NotebookNode) -> None:
    *table, rejected = printed(small, "status").splitlines()[1:]
    status = {name: (int(full), int(after)) for name, full, after in map(str.split, table)}
    assert status == {
        "concurrency": (2, 2), "max_concurrency": (4, 4), "admitted": (4, 0), "running": (2, 0), "waiting": (2, 0),
        "peak_admitted": (4, 4), "peak_running": (2, 2),
    }  # fmt: skip
    assert rejected == "rejected: {'max_concurrency': 3}"


def test_committed_run_is_whole() -> None:
    notebook = read()
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    assert len(images(notebook)) == 1
    outputs = json.dumps([cell.outputs for cell in code(notebook)] + [cell.metadata for cell in notebook.cells])
    assert [word for word in ("/work", "/tmp", "/root", "/home", "Traceback", "iopub") if word in outputs] == []
