"""The catalogue of promises names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_each_promise_has_tests_that_exist() -> None:
    rows = [line for line in (ROOT / "docs/promises.md").read_text().splitlines() if re.match(r"\| \d", line)]
    assert len(rows) == 8
    for row in rows:
        named = re.findall(r"`([\w/]*(?:test_\w+|conftest)(?:\.py)?)`", row)
        assert named, row
        for name in named:
            assert (ROOT / "tests" / name).with_suffix(".py").exists(), name


WALL_CLOCK = re.compile(r"\btime\.time\(|\bdatetime\b")
DATES = {"api/answering.py", "api/routes.py", "openai/responses/answer.py", "transport/record.py"}
"""Files that tell people when something was, and measure nothing by it."""


def test_no_limit_is_on_a_clock_that_is_set() -> None:
    server = ROOT / "server/sluice"
    serving = [
        file for file in server.rglob("*.py") if file.relative_to(server).parts[0] not in ("bench", "cli", "demo")
    ]
    found = {str(file.relative_to(server)) for file in serving if WALL_CLOCK.search(file.read_text())}
    assert found <= DATES
