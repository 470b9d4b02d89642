"""Reads a YAML file into plain values, and remembers the line of every key."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from sluice.errors import SettingsError, shown
from sluice.settings.document import Document

Place = tuple[str, ...]
MAX_BYTES = 1024**2
"""Of a settings file; as much as Kubernetes lets a ConfigMap have."""
MERGE = "tag:yaml.org,2002:merge"


class Twice(NamedTuple):
    """A key that is set in two lines."""

    place: Place
    line: int
    first: int


class File:
    """`values` is the file's content; `lines` says where each key and item stands, counted from 1.

    `content`: what has been read of it already. `twice`: the duplicate keys, each with both of its lines; the last of
    their values counts. Raises SettingsError, with the line, for what is not YAML, not a mapping, too much, or a tag
    such as `!!python/object`.
    """

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        self.path = path
        self.lines: dict[Place, int] = {}
        self.twice: list[Twice] = []
        try:
            document = Document((read(path) if content is None else content).decode())
            self.note(document.root, ())
            self.values: dict[str, Any] = document.value() or {}
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: not UTF-8 text (byte {error.start})") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise SettingsError(f"{path}:{line}: {shown(error.problem or str(error))}") from error
        except yaml.YAMLError as error:
            raise SettingsError(f"{path}: not YAML that can be read: {shown(str(error))}") from error
        if not isinstance(self.values, dict):
            raise SettingsError(f"{path}:1: the file has to be a mapping of settings, such as `model: demo`")

    def note(self, node: yaml.Node | None, place: Place) -> None:
        """Walk the tree; note where keys and items stand, and which are there twice.

        What `<<` brings in stands where it was written, unless the mapping has such a key of its own.
        """
        if isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                here = (*place, str(number))
                self.lines[here] = item.start_mark.line + 1
                self.note(item, here)
        if not isinstance(node, yaml.MappingNode):
            return
        first: dict[str, int] = {}
        for key, value in sorted(node.value, key=lambda pair: pair[0].tag == MERGE):
            name, line = str(key.value), key.start_mark.line + 1
            here = (*place, name)
            if name in first:
                self.twice.append(Twice(here, line, first[name]))
                self.lines[here] = line
            first.setdefault(name, line)
            if key.tag == MERGE:
                for mapping in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    self.note(mapping, place)
            elif here not in self.lines:
                self.lines[here] = line
                self.note(value, here)

    def line(self, place: Place) -> int | None:
        """That of the key, or of the nearest one above it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines[place] if place else None

    def where(self, place: Place) -> str:
        """`FILE:LINE`."""
        line = self.line(place)
        return str(self.path) if line is None else f"{self.path}:{line}"


def read(path: Path) -> bytes:
    """Raises OSError, and SettingsError for more than a settings file may have."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{path}: longer than {MAX_BYTES:,} bytes, the most that a settings file may have")
    return content
