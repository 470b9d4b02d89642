"""API keys: made, and known again by their SHA-256, which is all that is kept of them."""

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path


def new_key() -> str:
    """`sk-` and 32 random bytes."""
    return f"sk-{secrets.token_urlsafe(32)}"


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def resolve(source: str, environ: Mapping[str, str]) -> bytes:
    """The digest of the key that `sha256:`, `env:` or `file:` leads to. Raises LookupError for people to read."""
    kind, _, rest = source.partition(":")
    if kind == "sha256":
        return bytes.fromhex(rest)
    if kind == "env":
        key, name = environ.get(rest, ""), f"environment variable {rest}"
        if rest not in environ:
            raise LookupError(f"{name} is not set")
    else:
        key, name = first_line(Path(rest)), rest
    if not key.strip():
        raise LookupError(f"{name} holds no key")
    return digest(key.strip())


def first_line(path: Path) -> str:
    try:
        with path.open(errors="surrogateescape", encoding="utf-8") as file:
            return file.readline(10_000)
    except OSError as error:
        raise LookupError(f"{path}: {error.strerror}") from None
