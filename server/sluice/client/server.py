"""A server at a URL."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from sluice.errors import ServerFailed

CONNECT_S, SILENCE_S = 5.0, 600.0


class Server:
    """`url` is the server's root, or OpenAI's base URL, which ends in /v1. Close it after use."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self.client = httpx.Client(
                base_url=self.url, headers=headers, timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S)
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise ServerFailed(f"{url}: {error}") from None

    def get(self, path: str) -> Any:
        """What it answers, as JSON. Raises ServerFailed."""
        try:
            answer = self.client.get(path)
            check(answer)
            return answer.json()
        except httpx.HTTPError as error:
            raise self.unreachable(error) from None
        except ValueError:
            raise ServerFailed(f"{self.url}{path}: the answer is not JSON") from None

    def first_model(self) -> str:
        """The name of the first one that it serves. Raises ServerFailed."""
        try:
            return str(self.get("/v1/models")["data"][0]["id"])
        except (LookupError, TypeError):
            raise ServerFailed(f"{self.url}/v1/models names no model: say which with --model") from None

    def unreachable(self, error: httpx.HTTPError) -> ServerFailed:
        return ServerFailed(f"{self.url} cannot be reached: {error or type(error).__name__}")


def check(answer: httpx.Response) -> None:
    """Raises ServerFailed for an answer that is no 200, with the server's own words."""
    if answer.status_code != 200:
        answer.read()
        try:
            said = str(answer.json()["error"]["message"])
        except (ValueError, LookupError, TypeError):
            said = answer.reason_phrase
        raise ServerFailed(f"{answer.url}: {answer.status_code} {' '.join(said.split())}")


def events(lines: Iterable[str]) -> Iterator[Any]:
    """The data of server-sent events, but for what ends them."""
    for line in lines:
        if line.startswith("data:") and line[5:].strip() != "[DONE]":
            yield json.loads(line[5:])
