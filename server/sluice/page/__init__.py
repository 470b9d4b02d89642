"""The live page: its files, as a browser gets them."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""By the end of a file's name; what has another end is not for browsers."""
INDEX = "index.html"


class Asset(NamedTuple):
    """`etag` changes with the body."""

    body: bytes
    media_type: str
    etag: str


@cache
def assets() -> dict[str, Asset]:
    """By the path within this folder. Read once a process."""
    found = {}
    for folder, prefix in ((files(__name__), ""), (files(__name__) / "uplot", "uplot/")):
        for file in folder.iterdir():
            media_type = MEDIA_TYPES.get(f".{file.name.rpartition('.')[2]}")
            if media_type is not None:
                body = file.read_bytes()
                etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
                found[prefix + file.name] = Asset(body, f"{media_type}; charset=utf-8", etag)
    return found
