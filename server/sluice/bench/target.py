"""The server under test, as bytes on the wire: where it is, and whole requests to it."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sluice.errors import BenchFailed


class Target:
    """`url` is the server's root, or OpenAI's base URL, which ends in /v1."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            self.host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise BenchFailed(f"{url}: {error}") from None
        if parts.scheme not in {"http", "https"} or not self.host:
            raise BenchFailed(f"{url}: not a URL such as http://127.0.0.1:8000")
        self.url = url
        self.tls = parts.scheme == "https"
        self.port = port or (443 if self.tls else 80)
        self.authority = parts.netloc.rpartition("@")[2]
        self.path = parts.path.rstrip("/").removesuffix("/v1")

    def get(self, path: str, key: str | None = None) -> bytes:
        return self.head("GET", path, key) + b"\r\n"

    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> bytes:
        content = json.dumps(body).encode()
        fields = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return self.head("POST", path, key) + fields.encode() + content

    def head(self, method: str, path: str, key: str | None) -> bytes:
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        return f"{method} {self.path}{path} HTTP/1.1\r\nHost: {self.authority}\r\n{authorization}".encode()
