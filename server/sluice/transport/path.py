"""One form of each path, for whoever looks for a route: doubled and trailing slashes are no other path."""

import re
from urllib.parse import unquote

from starlette.types import Scope

SLASHES = re.compile("//+")
ENCODED_SLASH = re.compile(b"%2f", re.IGNORECASE)


def canonical_path(scope: Scope) -> str:
    """The scope's, below the `root_path` that it is mounted at; a slash that was sent as %2F separates nothing."""
    path: str = scope["path"]
    raw: bytes | None = scope.get("raw_path")
    if raw is not None and b"%2" in raw:
        path = unquote(ENCODED_SLASH.sub(b"%252F", raw).decode("latin-1"))
    if not path.endswith("/") and "//" not in path:
        return path
    root: str = scope.get("root_path", "")
    above = root if path.startswith(root) else ""
    return above + single_slashes(path[len(above) :])


def single_slashes(path: str) -> str:
    return SLASHES.sub("/", path).removesuffix("/") or "/"
