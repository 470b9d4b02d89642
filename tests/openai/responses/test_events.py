"""The events of a streamed response, and the answer that is not streamed, from the same deltas."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response

from sluice.engine.base import Delta, More, Rendered, TokenLogprob
from sluice.engine.parser import CallDelta, Parsed
from sluice.wire.endpoint import Problem
from tests.openai.responses.told import ABOUT, USED, Told, events_of, names, played, response

THOUGHT = [Delta("", 1, None, None, More(reasoning=text)) for text in ("Hm", ".")]
TEXT = [Delta("One", 1), Delta("", 1), Delta(' "two"\u2028', 2)]
CALLED = [
    Delta("", 1, None, None, More(calls=(CallDelta(0, "", "call-1", "f"),))),
    Delta("", 1, None, None, More(calls=(CallDelta(0, '{"a"'), CallDelta(0, ": 1}")))),
    Delta("", 1, None, None, More(calls=(CallDelta(1, "{}", "call-2", "g"),))),
]
END = Delta("", 1, "stop")
USAGE = {
    "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
    "output_tokens": 6, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 16,
}  # fmt: skip
WITH_LOGPROBS: dict[str, Any] = {"include": ["message.output_text.logprobs"], "top_logprobs": 1}


def whole(
    deltas: list[Delta], parsed: Parsed | None = None, finish_reason: Any = "stop", **fields: Any
) -> dict[str, Any]:
    call = response(**fields)
    sequence = call.collected()
    for delta in deltas:
        sequence.put(delta)
    sequence.finish_reason, sequence.parsed = finish_reason, parsed
    body: dict[str, Any] = json.loads(b"".join(call.whole(ABOUT, [sequence], USED)))
    Response.model_validate(body)
    return body


def test_a_text() -> None:
    told = Told(played(response(), [*TEXT, END]))
    assert names(told.events) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.delta", "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert told.items == [
        {
            "id": "msg_0a00", "type": "message", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": 'One "two"\u2028', "annotations": [], "logprobs": []}],
        }
    ]  # fmt: skip
    assert told.response["usage"] == USAGE
    answer = whole([*TEXT, END])
    assert answer == told.response | {"completed_at": answer["completed_at"]}


def test_the_raw_texts_are_told_where_they_are_asked_for() -> None:
    call = response(enable_response_messages=True)
    request = call.to_generation("id")
    assert (request.sampling.wants_ids, request.tokenizing.wants_text) == (True, True)
    sequence = call.collected()
    sequence.put(Delta("<think>Hm.</think>One", 2, "stop", None, More((5, 6))))
    sequence.parsed = Parsed("One", "Hm.")
    about = ABOUT._replace(prompts=[Rendered([1, 2, 3], text="<user>Hi.")])
    told = json.loads(b"".join(call.whole(about, [sequence], USED)))
    kind = {"type": "raw_message_tokens"}
    assert told["input_messages"] == [kind | {"message": "<user>Hi.", "tokens": [1, 2, 3]}]
    assert told["output_messages"] == [kind | {"message": "<think>Hm.</think>One", "tokens": [5, 6]}]
    assert [item["type"] for item in told["output"]] == ["reasoning", "message"]


def test_thoughts_a_text_and_calls() -> None:
    told = Told(played(response(), [*THOUGHT, *TEXT, *CALLED, END]))
    kinds = ["reasoning", "message", "function_call", "function_call"]
    assert [item["type"] for item in told.items] == kinds
    assert told.items[0] == {
        "id": "rs_0a00", "type": "reasoning", "status": "completed", "summary": [],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
    }  # fmt: skip
    assert told.items[2:] == [
        {
            "id": f"fc_0a0{index}", "type": "function_call", "status": "completed", "call_id": f"call-{index - 1}",
            "name": name, "arguments": arguments,
        }
        for index, name, arguments in ((2, "f", '{"a": 1}'), (3, "g", "{}"))
    ]  # fmt: skip
    calls = (CallDelta(0, '{"a": 1}', "call-1", "f"), CallDelta(1, "{}", "call-2", "g"))
    answer = whole([END], Parsed('One "two"\u2028', "Hm.", calls))
    assert answer["output"] == told.items


def test_what_one_delta_holds_comes_in_the_order_of_the_items() -> None:
    both = Delta("One", 3, "stop", None, More(reasoning="Hm.", calls=(CallDelta(0, "{}", "call-1", "f"),)))
    told = Told(played(response(), [both]))
    assert [item["type"] for item in told.items] == ["reasoning", "message", "function_call"]


def test_an_answer_that_is_cut_off_is_incomplete() -> None:
    told = Told(played(response(max_output_tokens=4), [*THOUGHT, *TEXT, Delta("", 1, "length")]))
    assert (told.response["status"], told.response["completed_at"]) == ("incomplete", None)
    assert told.response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item["status"] for item in told.items] == ["completed", "incomplete"]
    answer = whole([END], Parsed('One "two"\u2028', "Hm."), "length", max_output_tokens=4)
    assert answer == told.response


def test_a_call_that_is_cut_off_may_have_no_arguments() -> None:
    told = Told(played(response(), [CALLED[0], Delta("", 1, "length")]))
    assert [(item["status"], item["arguments"]) for item in told.items] == [("incomplete", "")]


@pytest.mark.parametrize(
    ("deltas", "parsed", "kinds"),
    [
        ([END], None, ["message"]),
        ([END], Parsed(), ["message"]),
        ([*THOUGHT, END], Parsed("", "Hm."), ["reasoning"]),
        ([*CALLED[:2], END], Parsed("", "", (CallDelta(0, '{"a": 1}', "call-1", "f"),)), ["function_call"]),
    ],
)
def test_an_answer_without_a_text_has_an_item(deltas: list[Delta], parsed: Parsed | None, kinds: list[str]) -> None:
    told = Told(played(response(), deltas))
    assert [item["type"] for item in told.items] == kinds
    assert whole([END], parsed)["output"] == told.items


def token(text: str) -> TokenLogprob:
    return TokenLogprob(text, -0.5, (TokenLogprob(text, -0.5), TokenLogprob("other", -math.inf)))


def entry(text: str) -> dict[str, Any]:
    only = {"token": text, "logprob": -0.5, "bytes": list(text.encode())}
    return only | {"top_logprobs": [only]}


def test_logprobs() -> None:
    deltas = [Delta("One", 1, None, (token("One"),)), Delta(" é", 2, "stop", (token(" é"), token("</s>")))]
    told = Told(played(response(**WITH_LOGPROBS), deltas))
    [part] = told.items[0]["content"]
    assert part["logprobs"] == [entry("One"), entry(" é"), entry("</s>")]
    assert whole(deltas, **WITH_LOGPROBS)["output"] == told.items


def test_logprobs_are_those_of_the_text() -> None:
    """A parser takes the marks away, and holds back what may begin one."""
    deltas = [
        Delta("", 1, None, (token("<think>"),)),
        Delta("", 1, None, (token("Hm."),), More(reasoning="Hm.")),
        Delta("", 1, None, (token("</think>"),)),
        Delta("", 1, None, (token("<"),)),
        Delta("<b", 1, None, (token("b"),)),
        Delta("", 1, None, (token("<call>"),)),
        Delta("", 1, None, (token("f()"),), More(calls=(CallDelta(0, "{}", "call-1", "f"),))),
        Delta("", 1, "stop", (token("</s>"),)),
    ]
    told = Told(played(response(**WITH_LOGPROBS), deltas))
    [part] = told.items[1]["content"]
    assert (part["text"], [each["token"] for each in part["logprobs"]]) == ("<b", ["<", "b"])
    parsed = Parsed("<b", "Hm.", (CallDelta(0, "{}", "call-1", "f"),))
    assert whole(deltas, parsed, **WITH_LOGPROBS)["output"] == told.items


def test_an_answer_to_its_end_has_the_logprob_of_its_end() -> None:
    deltas = [
        Delta("", 2, None, (token("Hm."), token("</think>")), More(reasoning="Hm.")),
        Delta("One", 1, None, (token("One"),)),
        Delta("", 1, "stop", (token("</s>"),)),
    ]
    told = Told(played(response(**WITH_LOGPROBS), deltas))
    [part] = told.items[1]["content"]
    assert [each["token"] for each in part["logprobs"]] == ["One", "</s>"]
    assert whole(deltas, Parsed("One", "Hm."), **WITH_LOGPROBS)["output"] == told.items


def test_deltas_that_have_run_together_tell_the_logprobs_of_the_text() -> None:
    run = Delta("One", 3, "stop", (token("Hm."), token("</think>"), token("One")), More(reasoning="Hm."))
    told = Told(played(response(**WITH_LOGPROBS), [run]))
    [part] = told.items[1]["content"]
    assert part["logprobs"] == [entry("One")]


def test_a_failure() -> None:
    encoder = response().encoder(ABOUT)
    raw = [encoder.first(), encoder.fill("One"), encoder.error(Problem(503, "overloaded_error", "Late.", None, "late"))]
    *begun, error, failed = events_of(b"".join(raw))
    assert names(begun)[-1] == "output_text.delta"
    told = {"code": "late", "message": "Late.", "param": None}
    assert error == {"type": "error", **told, "error": {"type": "overloaded_error", **told}, "sequence_number": 5}
    assert failed["type"] == "response.failed"
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "Late."}
    assert (failed["response"]["output"], failed["response"]["usage"]) == ([], None)


def test_the_request_is_told_again() -> None:
    tool = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True, "description": None}
    fields: dict[str, Any] = {
        "instructions": "Be brief.", "max_output_tokens": 40, "max_tool_calls": 3, "metadata": {"a": "b"},
        "parallel_tool_calls": False, "prompt_cache_key": "k", "safety_identifier": "s", "temperature": 0.5,
        "text": {"format": schema, "verbosity": "low"}, "tool_choice": {"type": "function", "name": "f"},
        "tools": [tool], "top_logprobs": 2, "top_p": 0.9, "truncation": "auto", "user": "u",
    }  # fmt: skip
    answer = whole([END], **fields, reasoning={"effort": "low", "summary": "auto"}, store=True, service_tier="flex")
    assert {key: answer[key] for key in fields} == fields
    assert answer["reasoning"] == {"effort": "low", "summary": None}
    assert (answer["store"], answer["service_tier"], answer["background"]) == (False, "flex", False)
    plain = whole([END])
    assert (plain["tools"], plain["tool_choice"], plain["metadata"]) == ([], "auto", {})
    assert (plain["text"], plain["temperature"]) == ({"format": {"type": "text"}, "verbosity": "medium"}, None)
    assert (plain["id"], plain["object"], plain["created_at"], plain["model"]) == ("resp_0a", "response", 123, "demo")


@given(text=st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_is_told_as_it_is(text: str) -> None:
    told = Told(played(response(), [Delta(text, 1), Delta(text, 1, "stop")]))
    [part] = told.items[0]["content"]
    assert part["text"] == text * 2
