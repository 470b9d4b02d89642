"""The fields of a body that nobody knows: where they are."""

from collections.abc import Iterator
from typing import Any

MOST_IGNORED, LONGEST_IGNORED = 16, 64
"""Paths that are told of one body, and characters of one."""

Unknown = list[tuple[dict[str, Any], set[str]]]
"""Objects in a body, each with those of its keys that nobody knows."""


def paths(unknown: Unknown, body: dict[str, Any]) -> tuple[str, ...]:
    """Dotted, without indices, each once and in the body's order; printable ASCII without spaces and commas."""
    keys_of = {id(data): keys for data, keys in unknown}
    found = dict[str, None]()
    for path, data in objects(body):
        keys = keys_of.get(id(data), ())
        for key in data:
            if key in keys:
                found[printable(f"{path}{key}")] = None
                if len(found) == MOST_IGNORED:
                    return tuple(found)
    return tuple(found)


def objects(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All that are inside, itself among them, with what their keys' paths begin with."""
    inside: list[tuple[str, Any]] = [("", body)]
    while inside:
        path, value = inside.pop()
        if isinstance(value, dict):
            yield path, value
            deeper = [(f"{path}{key[:LONGEST_IGNORED]}."[: LONGEST_IGNORED + 1], each) for key, each in value.items()]
        else:
            deeper = [(path, each) for each in value]
        inside += [pair for pair in reversed(deeper) if isinstance(pair[1], dict | list)]


def printable(path: str) -> str:
    return "".join(letter if "!" <= letter <= "~" and letter != "," else "?" for letter in path[:LONGEST_IGNORED])
