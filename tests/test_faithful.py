"""The comparison with `vllm serve`, without the servers: `make faithful` is it with them."""

from typing import Any

import pytest

from tests.faithful.__main__ import conclude
from tests.faithful.answer import Answer
from tests.faithful.compare import Difference, differences
from tests.faithful.corpus.case import CHAT, Case
from tests.faithful.deliberate import DELIBERATE, matches
from tests.faithful.page import PAGE, page, recorded
from tests.faithful.report import Report
from tests.faithful.streams import openai_stream

WHOLE: dict[str, Any] = {"id": "a", "choices": [{"text": "42", "logprobs": [-0.5], "stop_reason": None}]}


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text() == page(recorded())


@pytest.mark.parametrize(
    ("other", "at"),
    [
        ({"id": "b", "choices": [{"text": "42", "logprobs": [-0.50001]}]}, []),
        ({"choices": [{"text": "43", "logprobs": [-0.5]}]}, ["choices.0.text"]),
        ({"choices": [{"text": "42", "logprobs": [-0.501]}]}, ["choices.0.logprobs.0"]),
        ({"choices": [{"text": "42", "logprobs": [-0.5, -1.0]}], "usage": 1}, ["choices.0.logprobs.1", "usage"]),
        ({"choices": [{"text": 42, "logprobs": [-0.5]}]}, ["choices.0.text"]),
    ],
)
def test_answers_differ_where_a_value_does(other: dict[str, Any], at: list[str]) -> None:
    found = differences("case", Answer("200", WHOLE), Answer("200", other))
    assert [difference.at for difference in found] == at


def test_of_errors_only_the_class_differs() -> None:
    assert not list(differences("case", Answer("4xx", {"error": "a"}), Answer("4xx", {"error": "b"})))
    assert len(list(differences("case", Answer("4xx", {}), Answer("5xx", {})))) == 1


def test_a_stream_is_put_together_to_what_the_whole_answer_is() -> None:
    function = {"name": "f", "arguments": "{"}
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"index": 1, "delta": {"content": "b"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [1]}}]},
        {"choices": [{"index": 0, "delta": {"content": "c"}, "logprobs": {"content": [2]}, "finish_reason": "stop"}]},
        {"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 0, "id": "x", "function": function}]}}]},
        {"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}}]},
        {"choices": [], "usage": {"total_tokens": 3}},
    ]
    assert openai_stream(events) == {
        "choices": [
            {
                "index": 0, "message": {"role": "assistant", "content": "ac"}, "logprobs": {"content": [1, 2]},
                "finish_reason": "stop",
            },
            {
                "index": 1,
                "message": {
                    "content": "b", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": "{}"}}],
                },
            },
        ],
        "usage": {"total_tokens": 3},
    }  # fmt: skip


def test_a_pattern_takes_brackets_as_they_are() -> None:
    assert matches("chat stop: [1]", "chat stop: [*")
    assert not matches("chat stop: 1", "chat stop: [1]")


def test_what_is_not_in_the_table_is_told_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    report, case = Report(2), Case("chat a", CHAT, {})
    report.add(case, [Difference("chat a", "service_tier", "default", None)], 1)
    assert capsys.readouterr().out == ""
    assert conclude(report, everything=False) == 0
    report.add(case, [Difference("chat a", "choices.0.message.content", "a", "b")], 3)
    assert "choices.0.message.content: a | vLLM: b" in capsys.readouterr().out
    assert conclude(report, everything=False) == 1


def test_a_row_of_the_table_that_is_not_seen_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(Report(0), everything=True) == 1
    assert DELIBERATE[1].cases[0] in capsys.readouterr().out
