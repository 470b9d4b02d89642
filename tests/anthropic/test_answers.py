"""From the engine's deltas to Anthropic's answer, event by event."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from anthropic.types import Message

from sluice.anthropic.errors import encode_error
from sluice.anthropic.messages.ending import to_input
from sluice.anthropic.messages.events import MessageEvents
from sluice.engine.base import Delta, FinishReason, More
from sluice.engine.parser import CallDelta, Parsed
from sluice.wire.endpoint import Problem
from tests.anthropic.examples import ABOUT, USED, call
from tests.anthropic.stream import events, put_together, shape


def said(text: str, finish: FinishReason | None = None, stopped_by: int | str | None = None) -> Delta:
    return Delta(text, 1, finish, None, None if stopped_by is None else More(stop_reason=stopped_by))


def thought(text: str, then: str = "") -> Delta:
    return Delta(then, 1, None, None, More(reasoning=text))


def used(*calls: CallDelta, finish: FinishReason | None = None, stopped_by: str | None = None) -> Delta:
    return Delta("", 1, finish, None, More(calls=calls, stop_reason=stopped_by))


def streamed(*deltas: Delta) -> list[Any]:
    """With the fast way where there is one, as a sink does it."""
    encoder = call(stream=True).encoder(ABOUT)
    raw = encoder.first()
    for delta in deltas:
        frame, thought, slow = encoder.frames[0], encoder.thoughts[0], encoder.delta(0, delta)
        if frame is not None and delta.more is None and delta.finish_reason is None:
            assert frame.fill(delta.text) == slow
        if thought is not None and delta.more is not None and delta.more.reasoning and not delta.text:
            assert thought.fill(delta.more.reasoning) == slow
        raw += slow
    return events(raw + encoder.last(USED))


START, END = "message_start", ["message_delta", "message_stop"]
OPEN = CallDelta(0, "", "toolu_1", "get_weather")
ARGUMENTS = CallDelta(0, '{"city": "Oslo"}')
SECOND = CallDelta(1, "{}", "b", "y")


@pytest.mark.parametrize(
    ("deltas", "inner", "reason"),
    [
        ([said("7"), said(" 8"), said("", "stop")], ["+text 0", "0 text 7", "0 text  8", "-0"], "end_turn"),
        ([said("7"), said(" 8", "length")], ["+text 0", "0 text 7", "0 text  8", "-0"], "max_tokens"),
        ([said("", "stop")], ["+text 0", "0 text ", "-0"], "end_turn"),
        ([said(""), said("é", "stop")], ["+text 0", "0 text ", "0 text é", "-0"], "end_turn"),
        (
            [thought("Hm"), thought("."), said("42"), said("", "stop")],
            ["+thinking 0", "0 thinking Hm", "0 thinking .", "0 signature msg_1", "-0", "+text 1", "1 text 42", "-1"],
            "end_turn",
        ),
        (
            [thought("Hm.", "42"), said("", "stop")],
            ["+thinking 0", "0 thinking Hm.", "0 signature msg_1", "-0", "+text 1", "1 text 42", "-1"],
            "end_turn",
        ),
        (
            [thought("Hm"), said("", "length")],
            ["+thinking 0", "0 thinking Hm", "0 signature msg_1", "-0"],
            "max_tokens",
        ),
        (
            [said("Wait."), used(OPEN), used(ARGUMENTS), said("", "stop")],
            [
                "+text 0", "0 text Wait.", "-0",
                "+tool_use 1", "1 input_json ", '1 input_json {"city": "Oslo"}', "-1",
            ],
            "tool_use",
        ),
        (
            [used(CallDelta(0, "{}", "a", "x"), CallDelta(1, "{}", "b", "y"), finish="stop")],
            ["+tool_use 0", "0 input_json {}", "-0", "+tool_use 1", "1 input_json {}", "-1"],
            "tool_use",
        ),
        (  # what is written between two calls waits for the end of the first, and white space is nothing
            [used(OPEN), said("\n"), used(ARGUMENTS), said("\n"), used(SECOND), said("So", "stop")],
            [
                "+tool_use 0", "0 input_json ", '0 input_json {"city": "Oslo"}', "-0",
                "+tool_use 1", "1 input_json {}", "-1", "+text 2", "2 text So", "-2",
            ],
            "tool_use",
        ),
        (
            [used(OPEN, CallDelta(0, '{"ci'), finish="length")],
            ["+tool_use 0", "0 input_json ", '0 input_json {"ci', "-0"],
            "max_tokens",
        ),
    ],
)  # fmt: skip
def test_events(deltas: Sequence[Delta], inner: list[str], reason: str) -> None:
    found = streamed(*deltas)
    assert shape(found) == [START, *inner, *END]
    assert found[-2].delta.stop_reason == reason


@pytest.mark.parametrize(
    ("deltas", "reason", "sequence"),
    [
        ([said("7", "stop", " 8")], "stop_sequence", " 8"),
        ([said("7", "stop", 9)], "end_turn", None),
        ([said("7", "length", None)], "max_tokens", None),
        ([used(OPEN, ARGUMENTS, finish="stop", stopped_by="x")], "tool_use", None),
        ([used(OPEN, CallDelta(0, '{"city": "Os'), finish="stop", stopped_by="lo")], "stop_sequence", "lo"),
    ],
)
def test_why_it_ended(deltas: Sequence[Delta], reason: str, sequence: str | None) -> None:
    delta = streamed(*deltas)[-2].delta
    assert (delta.stop_reason, delta.stop_sequence) == (reason, sequence)


def test_what_it_cost() -> None:
    start, *_, delta, _ = streamed(said("7", "stop"))
    assert (start.message.id, start.message.model, start.message.role) == ("msg_1", "demo", "assistant")
    assert (start.message.usage.input_tokens, start.message.usage.output_tokens) == (10, 0)
    assert delta.usage.to_dict() == {
        "input_tokens": 3, "output_tokens": 6, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3,
    }  # fmt: skip


def test_a_text_has_a_frame_while_its_block_is_open() -> None:
    encoder = MessageEvents(ABOUT)
    has_frame = []
    for delta in (thought("Hm"), thought("m"), said("7"), said("8"), used(OPEN), said("9", "stop")):
        encoder.delta(0, delta)
        has_frame.append((encoder.thoughts[0] is not None, encoder.frames[0] is not None))
    assert has_frame == [(True, False), (True, False), (False, True), (False, True), (False, False), (False, False)]


def whole(parsed: Parsed | None, text: str = "", stopped_by: str | None = None) -> Message:
    request = call()
    sequence = request.collected()
    sequence.put(said(text, "stop", stopped_by))
    sequence.parsed = parsed
    data = json.loads(b"".join(request.whole(ABOUT, [sequence], USED)))
    message = Message.model_validate(data, strict=True)
    assert message.to_dict() == data
    return message


@pytest.mark.parametrize(
    ("parsed", "content", "reason"),
    [
        (None, [{"type": "text", "text": "7 8"}], "end_turn"),
        (Parsed(""), [{"type": "text", "text": ""}], "end_turn"),
        (
            Parsed("42", "Hm."),
            [{"type": "thinking", "thinking": "Hm.", "signature": "msg_1"}, {"type": "text", "text": "42"}],
            "end_turn",
        ),
        (Parsed("", "Hm."), [{"type": "thinking", "thinking": "Hm.", "signature": "msg_1"}], "end_turn"),
        (
            Parsed("Wait.", "", (CallDelta(0, '{"a": 1}', "t", "look"), CallDelta(1, "", "u", "go"))),
            [
                {"type": "text", "text": "Wait."},
                {"type": "tool_use", "id": "t", "name": "look", "input": {"a": 1}},
                {"type": "tool_use", "id": "u", "name": "go", "input": {}},
            ],
            "tool_use",
        ),
    ],
)
def test_a_whole_answer(parsed: Parsed | None, content: list[dict[str, Any]], reason: str) -> None:
    message = whole(parsed, "7 8")
    assert [block.to_dict() for block in message.content] == content
    assert (message.id, message.stop_reason, message.stop_sequence) == ("msg_1", reason, None)
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (3, 4)


def test_a_whole_answer_tells_its_stop_sequence() -> None:
    message = whole(None, "7", " 8")
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", " 8")


def test_streamed_is_as_whole() -> None:
    deltas = (thought("Hm."), said("42"), used(OPEN, ARGUMENTS), said("", "stop"))
    assert put_together(streamed(*deltas)) == whole(
        Parsed("42", "Hm.", (CallDelta(0, ARGUMENTS.arguments, "toolu_1", "get_weather"),))
    )


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("", {}),
        ('{"a": [1, 2]}', {"a": [1, 2]}),
        ('{"a": 1, "b": "tw', {"a": 1, "b": "tw"}),
        ('{"a": 1, "b', {"a": 1}),
        ("[1]", {}),
        ("nothing", {}),
    ],
)
def test_arguments_that_were_cut_off(arguments: str, found: dict[str, Any]) -> None:
    assert to_input(arguments) == found


@pytest.mark.parametrize(
    ("problem", "kind", "message"),
    [
        (Problem(400, "invalid_request_error", "No.", "top_k"), "invalid_request_error", "No. (top_k)"),
        (Problem(400, "invalid_request_error", "top_k is.", "top_k"), "invalid_request_error", "top_k is."),
        (Problem(401, "authentication_error", "Who?", None, "invalid_api_key"), "authentication_error", "Who?"),
        (Problem(413, "invalid_request_error", "Long."), "request_too_large", "Long."),
        (Problem(429, "rate_limit_error", "Slow.", None, "tokens_per_minute"), "rate_limit_error", "Slow."),
        (Problem(429, "overloaded_error", "Full."), "overloaded_error", "Full."),
        (Problem(500, "server_error", "Ouch."), "api_error", "Ouch."),
        (Problem(503, "service_unavailable_error", "Soon."), "overloaded_error", "Soon."),
    ],
)
def test_errors(problem: Problem, kind: str, message: str) -> None:
    details = {} if problem.code is None else {"details": {"error_code": problem.code}}
    error = {"type": "error", "error": {"type": kind, "message": message} | details}
    assert json.loads(encode_error(problem)) == error
    name, data = MessageEvents(ABOUT).error(problem).decode().removesuffix("\n\n").split("\n")
    assert (name, json.loads(data.removeprefix("data: "))) == ("event: error", error)
