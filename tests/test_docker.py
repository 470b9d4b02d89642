"""What can be said of the images without a Docker engine."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from sluice.errors import SettingsError
from sluice.settings import load

ROOT = Path(__file__).parents[1]


class Dockerfile:
    def __init__(self, device: str) -> None:
        self.device = device
        text = (ROOT / "docker" / f"{device}.Dockerfile").read_text()
        joined = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
        self.steps = [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]

    def all(self, word: str) -> list[str]:
        return [rest for step, rest in self.steps if step == word]

    def last(self, word: str) -> str:
        return self.all(word)[-1]

    def probe(self) -> list[str]:
        command: list[str] = json.loads(self.last("HEALTHCHECK").partition("CMD ")[2])
        return command


@pytest.fixture(params=["cpu", "cuda"])
def image(request: pytest.FixtureRequest) -> Dockerfile:
    return Dockerfile(request.param)


def ignored(path: str) -> bool:
    """As Docker reads .dockerignore: the last pattern that matches a path, or a folder above it, decides."""
    above = [path, *map(str, Path(path).parents)]
    verdict = False
    for pattern in (ROOT / ".dockerignore").read_text().split():
        if any(fnmatch(part, pattern.removeprefix("!")) for part in above):
            verdict = not pattern.startswith("!")
    return verdict


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server.server_port
        server.shutdown()


def test_runs_as_an_ordinary_user(image: Dockerfile) -> None:
    user = image.last("USER")
    assert int(user) > 0
    assert f"--uid {user} " in image.all("RUN")[0]
    words = [word for word, _ in image.steps]
    assert "RUN" not in words[words.index("USER") :]


def test_serves_the_demo_to_the_outside(image: Dockerfile) -> None:
    sluice, serve, *first = json.loads(image.last("ENTRYPOINT"))
    config, *rest = json.loads(image.last("CMD"))
    assert (sluice, serve, first[::2], rest[::2]) == ("sluice", "serve", ["--set"], ["--set"])
    settings = load(ROOT / config, [*first[1::2], *rest[1::2]], {})
    assert (settings.model, settings.http.host, settings.http.port) == ("demo", "0.0.0.0", 8000)
    with pytest.raises(SettingsError, match=r"http\.host.*tenants"):
        load(ROOT / config, first[1::2], {})  # a command of one's own is not open to all by mistake
    assert image.last("EXPOSE") == "8000"


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_health_is_readiness(image: Dockerfile, status: int, healthy: bool) -> None:
    assert re.search(r"--start-period=\d+m ", image.last("HEALTHCHECK"))
    python, *arguments = image.probe()
    assert python == "python"
    with answering(status) as port:
        asked = [argument.replace("8000", str(port)) for argument in arguments]
        probe = subprocess.run([sys.executable, *asked], check=False, capture_output=True)
    assert (probe.returncode == 0) is healthy


def test_installs_only_what_is_locked(image: Dockerfile) -> None:
    installs = [step for run in image.all("RUN") for step in run.split("&&") if "pip install" in step]
    assert all("--no-deps" in step for step in installs)
    assert sum(f"--requirement requirements-{image.device}.lock" in step for step in installs) == 1


def test_copies_only_what_is_there(image: Dockerfile) -> None:
    sources = [source for copy in image.all("COPY") for source in copy.split()[:-1]]
    assert {"pyproject.toml", "server", "configs", f"requirements-{image.device}.lock"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists() or ignored(source)] == []


def test_context_leaves_the_rest_out() -> None:
    paths = [".git", ".venv", "tests", "notebooks/concurrency.ipynb", "server/__pycache__"]
    assert [path for path in paths if not ignored(path)] == []


def test_cpu_image_and_makefile_take_torch_from_one_index() -> None:
    index = Dockerfile("cpu").last("ARG").partition("=")[2]
    assert f"TORCH_INDEX := {index}\n" in (ROOT / "Makefile").read_text()
