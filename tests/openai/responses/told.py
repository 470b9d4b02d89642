"""A streamed response, read from its bytes: its events are OpenAI's, in OpenAI's order, and agree with each other."""

import json
from collections.abc import Sequence
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from sluice.engine.base import Delta
from sluice.openai.responses.translation import ResponsesCall
from sluice.wire.endpoint import About, Totals

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
ABOUT = About("resp_0a", 123, "demo", "sluice-test", ())
USED = Totals(10, 6, 4, 3, 2)
BODY = {"model": "demo", "input": "Hi."}
Event = dict[str, Any]


def response(**fields: Any) -> ResponsesCall:
    return ResponsesCall.parse(json.dumps(BODY | fields).encode())


def events_of(raw: bytes) -> list[Event]:
    """Each is valid for the openai package, says its name twice and has the next number."""
    text = raw.decode()
    assert text.endswith("\n\n")
    assert text.splitlines() == text.split("\n")[:-1], "a line break that only some clients see"
    events = []
    for event in text.removesuffix("\n\n").split("\n\n"):
        if event == ": ping":
            continue
        name, data = event.split("\n")
        told = json.loads(data.removeprefix("data: "))
        assert name == f"event: {told['type']}"
        EVENT.validate_python(told)
        events.append(told)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def names(events: Sequence[Event]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


class Told:
    """What a complete stream says, item by item."""

    def __init__(self, raw: bytes) -> None:
        created, in_progress, *events, ended = self.events = events_of(raw)
        assert names([created, in_progress]) == ["created", "in_progress"]
        assert created["response"] == in_progress["response"]
        assert (created["response"]["status"], created["response"]["output"]) == ("in_progress", [])
        self.response = ended["response"]
        assert ended["type"] == f"response.{self.response['status']}"
        Response.model_validate(self.response)
        changes = {"status", "completed_at", "incomplete_details", "usage", "output"}
        assert {key for key in self.response if self.response[key] != created["response"][key]} <= changes
        self.items = list[dict[str, Any]]()
        while events:
            events = self.item(events)
        assert self.response["output"] == self.items
        assert len({item["id"] for item in self.items}) == len(self.items)

    def item(self, events: list[Event]) -> list[Event]:
        """Reads the events of the next one, and returns the rest."""
        added, index = events[0], len(self.items)
        assert names([added]) == ["output_item.added"]
        end = next(i for i, event in enumerate(events) if event["type"] == "response.output_item.done")
        own, done = events[1:end], events[end]["item"]
        assert {event["output_index"] for event in events[: end + 1]} == {index}
        assert {event["item_id"] for event in own} == {done["id"]} == {added["item"]["id"]}
        assert {key: value for key, value in added["item"].items() if key not in ("content", "arguments")} == {
            key: value for key, value in done.items() if key not in ("content", "arguments")
        } | {"status": "in_progress"}
        if done["type"] == "function_call":
            *deltas, whole = own
            kind, text = "function_call_arguments", whole["arguments"]
            assert (added["item"]["arguments"], done["arguments"]) == ("", text)
        else:
            opened, *deltas, whole, closed = own
            kind, text = {"message": "output_text", "reasoning": "reasoning_text"}[done["type"]], whole["text"]
            assert {event["content_index"] for event in own} == {0}
            assert names([opened, closed]) == ["content_part.added", "content_part.done"]
            assert opened["part"] | {"text": text} == closed["part"] | (
                {"logprobs": []} if kind == "output_text" else {}
            )
            assert (added["item"]["content"], done["content"]) == ([], [closed["part"]])
            assert closed["part"]["text"] == text
            if kind == "output_text":
                told = [entry for delta in deltas for entry in delta["logprobs"]]
                assert told == whole["logprobs"] == closed["part"]["logprobs"]
        is_cut = kind == "function_call_arguments" and done["status"] == "incomplete"
        assert set(names(deltas)) == {f"{kind}.delta"} or (is_cut and deltas == [])
        assert names([whole]) == [f"{kind}.done"]
        assert "".join(delta["delta"] for delta in deltas) == text
        self.items.append(done)
        return events[end + 1 :]


def played(call: ResponsesCall, deltas: Sequence[Delta]) -> bytes:
    encoder = call.encoder(ABOUT)
    return b"".join([encoder.first(), *(encoder.delta(0, delta) for delta in deltas), encoder.last(USED)])
