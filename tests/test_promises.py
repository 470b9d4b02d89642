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
