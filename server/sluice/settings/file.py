"""Reads a YAML file into plain values, and remembers the line of every key."""

from pathlib import Path
from typing import Any

import yaml

from sluice.errors import SettingsError

Place = tuple[str, ...]


class File:
    """`values` is the file's content; `lines` says where each key and item stands, counted from 1.

    Raises SettingsError, with the line, for what is not YAML, not a mapping, a duplicate key or a tag such as
    `!!python/object`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[Place, int] = {}
        try:
            text = path.read_text(encoding="utf-8")
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            self.check(root, ())
            self.values: dict[str, Any] = yaml.safe_load(text) or {}
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: not UTF-8 text (byte {error.start})") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise SettingsError(f"{path}:{line}: {error.problem or error.context}") from error
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise SettingsError(f"{path}: not YAML that can be read: {' '.join(str(error).split())}") from error
        if not isinstance(self.values, dict):
            raise SettingsError(f"{path}:1: the file has to be a mapping of settings, such as `model: demo`")

    def check(self, node: yaml.Node | None, place: Place) -> None:
        """Walk the mappings; note where keys stand and refuse what is there twice."""
        if isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                here = (*place, str(number))
                self.lines[here] = item.start_mark.line + 1
                self.check(item, here)
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            here = (*place, str(key.value))
            line = key.start_mark.line + 1
            if here in self.lines:
                raise SettingsError(
                    f"{self.path}:{line}: {'.'.join(here)} is set twice (first in line {self.lines[here]})"
                )
            self.lines[here] = line
            self.check(value, here)

    def where(self, place: Place) -> str:
        """`FILE:LINE` of the key, or of the nearest one above it."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.path}:{self.lines[place]}" if place else str(self.path)
