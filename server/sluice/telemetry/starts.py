"""How long the last start of an engine took, kept in a file, so that the next one can tell how long it will take."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

MOST_STARTS = 50
"""That are kept: one for each model and way to start it."""


class Start(msgspec.Struct, frozen=True):
    """`seconds`: until it was ready. `stages`: at how many seconds each of them began, the first one first."""

    seconds: float
    stages: list[float]


class Starts:
    """Those in a `folder`. Where it cannot be read or written, nothing is known, and that is all."""

    def __init__(self, folder: Path, key: str) -> None:
        self.file, self.key = folder / "starts.json", key

    def last(self) -> Start | None:
        return self.read().get(self.key)

    def keep(self, start: Start) -> None:
        """Blocks for as long as the file takes. Whoever reads it meanwhile sees all of it, or all of what was."""
        known = self.read()
        known.pop(self.key, None)
        kept = dict([*known.items(), (self.key, start)][-MOST_STARTS:])
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.file.parent, prefix=".starts-")
            try:
                with os.fdopen(descriptor, "wb") as writing:
                    writing.write(msgspec.json.encode(kept))
                os.replace(name, self.file)
            except OSError:
                os.unlink(name)
                raise

    def read(self) -> dict[str, Start]:
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self.file.read_bytes(), type=dict[str, Start])
        return {}


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the user's caches are, as the XDG Base Directory Specification has it."""
    named = Path(environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path("~/.cache").expanduser()) / "sluice"


def key_of(*settings: object) -> str:
    """Of a start with these settings."""
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:32]
