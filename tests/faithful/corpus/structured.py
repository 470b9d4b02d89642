"""Answers that are held to a form, in all words for it."""

from collections.abc import Iterator
from typing import Any

from tests.faithful.corpus.case import Case, both, chat, completion

SCHEMA: dict[str, Any] = {
    "type": "object", "properties": {"city": {"enum": ["Oslo", "Paris"]}, "warm": {"type": "boolean"}},
    "required": ["city", "warm"], "additionalProperties": False,
}  # fmt: skip
GRAMMAR = 'root ::= "yes" | "no"'
FORMATS: list[dict[str, Any]] = [
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "json_object"}, "max_tokens": 20},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}},
    {"structured_outputs": {"json": SCHEMA}},
    {"structured_outputs": {"json": SCHEMA, "disable_any_whitespace": True}},
    {"structured_outputs": {"regex": "[a-c]{3}"}},
    {"structured_outputs": {"choice": ["Oslo", "Paris"]}},
    {"structured_outputs": {"grammar": GRAMMAR}},
    {"structured_outputs": {"json_object": True}, "max_tokens": 20},
    {"structured_outputs": {"choice": ["Oslo", "Paris"]}, "logprobs": True},
    {"structured_outputs": {"choice": ["Oslo", "Paris"]}, "n": 2, "temperature": 1, "seed": 1},
    {"response_format": {"type": "structural_tag", "format": {"type": "const_string", "value": "yes"}}},
]
TOGETHER = {"response_format": {"type": "json_object"}, "structured_outputs": {"regex": "a"}}


def cases() -> Iterator[Case]:
    for fields in FORMATS:
        yield from both(chat(f"format {fields}", "What is the capital of France?", **fields))
        numbered = {key: 1 if key == "logprobs" else value for key, value in fields.items()}
        yield from both(completion(f"format {fields}", "What is the capital of France?", **numbered))
    yield from both(
        chat("two formats", **TOGETHER),
        chat(
            "a format with thoughts",
            "What is 17 + 25?",
            structured_outputs={"regex": "[0-9]{2}"},
            chat_template_kwargs={"enable_thinking": True},
        ),
        chat(
            "a format with an effort of none",
            "What is 17 + 25?",
            structured_outputs={"regex": "[0-9]{2}"},
            reasoning_effort="none",
        ),
    )
    yield chat("no form at all", structured_outputs={})
    yield chat("two forms", structured_outputs={"regex": "a", "choice": ["b"]})
    yield chat("a form that is empty", structured_outputs={"choice": []})
    yield chat("a regex that is wrong", structured_outputs={"regex": "["})
    yield chat("a grammar that is wrong", structured_outputs={"grammar": "root ::= ("})
    yield chat("a schema that is wrong", structured_outputs={"json": {"type": "nothing"}})
    yield chat("a schema that is no JSON", structured_outputs={"json": "{"})
    yield chat("a format that nobody knows", response_format={"type": "xml"})
    yield chat("a format without a schema", response_format={"type": "json_schema"})
    yield chat("a format without a type", response_format={})
    yield chat("a format that is a text", response_format="json")
    for wrong in ({"regex": "["}, {"json": {"type": "nothing"}}, {"grammar": "root ::= ("}):
        yield chat(f"wrong and streamed {wrong}", structured_outputs=wrong, stream=True)
