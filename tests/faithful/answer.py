"""What a server answers to a case, in a form in which two servers can be compared."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from tests.faithful.corpus.case import CHAT, COMPLETIONS, Case
from tests.faithful.streams import anthropic_stream, openai_stream, responses_stream

Events = list[dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """Of an error only its class is compared, so `content` is for whoever reads the difference."""

    status: str
    content: dict[str, Any]


async def ask(client: httpx.AsyncClient, case: Case) -> Answer:
    raw = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    answer = await client.post(case.path, content=raw, headers={"Content-Type": "application/json"})
    if answer.is_error:
        return Answer(kind(answer.status_code), {"error": answer.text})
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return Answer("200", answer.json())
    return put_together(case, read(answer.text))


def kind(status: int) -> str:
    return f"{status // 100}xx"


def read(text: str) -> Events:
    """The data of each event but the last one, which says that there are no more."""
    data = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(each) for each in data if each != "[DONE]"]


def put_together(case: Case, events: Events) -> Answer:
    for event in events:
        if error := event.get("error"):
            return Answer(f"{kind(error.get('code') or 500)} in a stream", event)
    if case.path in (CHAT, COMPLETIONS):
        return Answer("200", openai_stream(events))
    return Answer("200", anthropic_stream(events) if case.path == "/v1/messages" else responses_stream(events))
