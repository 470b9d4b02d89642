"""A hub of models on this machine: what huggingface_hub asks for, of models that are files in memory."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Files = Mapping[str, bytes]
COMMIT = "1" * 40


@contextmanager
def hub(models: Mapping[str, Files | None]) -> Iterator[dict[str, str]]:
    """Name → files; None: it is gated. Yields the environment in which it is the hub."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_HEAD(with_body=True)

        def do_HEAD(self, with_body: bool = False) -> None:
            path = self.path.partition("?")[0].removeprefix("/api/models")
            model = "/".join(path.strip("/").split("/")[:2])
            files, name = models.get(model, {}), path.partition("/resolve/")[2].partition("/")[2]
            if files is None:
                self.answer(403, b"", with_body, {"X-Error-Code": "GatedRepo"})
            elif model not in models:
                self.answer(404, b"", with_body, {"X-Error-Code": "RepoNotFound"})
            elif self.path.startswith("/api/"):
                self.answer(200, self.listed(model, files, "/tree/" in path), with_body)
            elif name not in files:
                self.answer(404, b"", with_body, {"X-Error-Code": "EntryNotFound"})
            else:
                self.answer(200, files[name], with_body, {"ETag": f'"{len(files[name])}"'})

        def listed(self, model: str, files: Files, as_tree: bool) -> bytes:
            named: list[dict[str, Any]] = [
                {"type": "file", "path": name, "rfilename": name, "size": len(content), "oid": "0" * 40}
                for name, content in files.items()
            ]
            return json.dumps(named if as_tree else {"id": model, "sha": COMMIT, "siblings": named}).encode()

        def answer(self, status: int, body: bytes, with_body: bool, fields: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in {"X-Repo-Commit": COMMIT, "Content-Type": "application/json", **(fields or {})}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}"}
        finally:
            server.shutdown()
