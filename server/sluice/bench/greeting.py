"""Before the load: is anybody there, which model, which probe, and is the request one that is answered?"""

import json
from dataclasses import dataclass
from typing import Any

from sluice.bench.client import Client
from sluice.bench.plan import Plan
from sluice.bench.received import Received
from sluice.bench.record import Attempt
from sluice.bench.target import Target
from sluice.errors import BenchFailed

PROBES = ("/livez", "/health", "/v1/models")
"""The first that is answered with 200 is the probe: Sluice's, vLLM's, anybody's."""
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Subject:
    """What will be asked, as whole HTTP requests: one message a key."""

    url: str
    model: str
    probe_path: str
    probe: bytes
    messages: list[bytes]
    body: dict[str, Any]


class Greeting:
    def __init__(self, target: Target, client: Client, plan: Plan) -> None:
        self.target, self.client, self.plan = target, client, plan
        self.keys: list[str | None] = [*plan.keys] or [None]

    async def exchange(self) -> Subject:
        """Raises BenchFailed, with the server's own words where it has any."""
        models = await self.get("/v1/models")
        if models.status != 200:
            raise BenchFailed(f"{self.target.url}/v1/models: {complaint(models)}")
        model = self.plan.model or first_model(models)
        probe_path = await self.find_probe()
        body = await self.find_body(
            {
                "model": model, "messages": [{"role": "user", "content": self.plan.prompt}],
                "max_tokens": self.plan.tokens, "temperature": 0, "stream": True,
                "stream_options": {"include_usage": True},
            }
        )  # fmt: skip
        messages = [self.target.post(CHAT, body, key) for key in self.keys]
        return Subject(self.target.url, model, probe_path, self.target.get(probe_path, self.keys[0]), messages, body)

    async def find_probe(self) -> str:
        for path in PROBES:
            if (await self.get(path)).status == 200:
                return path
        raise BenchFailed(f"{self.target.url}: none of {', '.join(PROBES)} is answered with 200")

    async def find_body(self, body: dict[str, Any]) -> dict[str, Any]:
        """With `ignore_eos` where it is known, so that all answers are equally long. Every tenant asks once."""
        longest = body | {"ignore_eos": True}
        answer = await self.ask(self.target.post(CHAT, longest, self.keys[0]))
        body = body if answer.status == 400 else longest
        for key in dict.fromkeys(self.keys):
            answer = await self.ask(self.target.post(CHAT, body, key))
            if answer.outcome() != "finished":
                raise BenchFailed(f"{self.target.url}{CHAT}: {complaint(answer)}")
        return body

    async def get(self, path: str) -> Received:
        return await self.ask(self.target.get(path, self.keys[0]))

    async def ask(self, message: bytes) -> Received:
        attempt = Attempt(self.client.clock())
        answer = await self.client.attempt(attempt, message)
        if attempt.outcome == "unreachable":
            raise BenchFailed(f"{self.target.url} cannot be reached")
        if attempt.outcome == "timed_out":
            raise BenchFailed(f"{self.target.url}: no whole answer within {self.client.timeout:g} s")
        if not answer.status:
            raise BenchFailed(f"{self.target.url} closed the connection without an HTTP answer")
        return answer


def first_model(answer: Received) -> str:
    try:
        return str(json.loads(answer.body)["data"][0]["id"])
    except (ValueError, LookupError, TypeError):
        raise BenchFailed("/v1/models names no model: say which with --model") from None


def complaint(answer: Received) -> str:
    """The status, and OpenAI's error message if there is one; one line."""
    try:
        message = str(json.loads(answer.body)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        message = "the answer is not OpenAI's" if answer.status == 200 else ""
    return " ".join(f"{answer.status} {message}".split())
