"""Each field of sampling, one at a time and a few together, for both of the APIs that have them."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.faithful.corpus.case import Case, both, chat, completion

FIELDS: list[dict[str, Any]] = [
    {"temperature": 0.5, "seed": 1},
    {"temperature": 1, "seed": 2},
    {"temperature": 1.7, "seed": 3},
    {"temperature": 2, "seed": 4},
    {"temperature": 1.5, "seed": 5, "top_p": 0.9},
    {"temperature": 1.5, "seed": 6, "top_k": 3},
    {"temperature": 1.5, "seed": 7, "top_k": 0},
    {"temperature": 1.5, "seed": 8, "top_k": -1},
    {"temperature": 1.5, "seed": 9, "min_p": 0.2},
    {"temperature": 1.5, "seed": -3, "top_p": 0.8, "top_k": 20, "min_p": 0.05},
    {"temperature": 1.3, "seed": 21, "n": 3},
    {"n": 2},
    {"n": None},
    {"presence_penalty": 1.5},
    {"presence_penalty": -1.5},
    {"frequency_penalty": 2},
    {"frequency_penalty": -2},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.7},
    {"logit_bias": {"20": 5.5, "100": -100}},
    {"logit_bias": {}},
    {"stop": "10"},
    {"stop": ["11", "9 "]},
    {"stop": []},
    {"stop": " 8 9"},
    {"stop": "9", "include_stop_str_in_output": True},
    {"stop": "9", "min_tokens": 12},
    {"stop_token_ids": [17]},
    {"stop_token_ids": [17], "include_stop_str_in_output": True},
    {"stop_token_ids": []},
    {"min_tokens": 20},
    {"ignore_eos": True, "max_tokens": 24},
    {"ignore_eos": True, "max_tokens": 24, "skip_special_tokens": False},
    {"skip_special_tokens": False},
    {"spaces_between_special_tokens": False, "skip_special_tokens": False},
    {"bad_words": ["9"]},
    {"bad_words": []},
    {"allowed_token_ids": [20, 21, 22, 23]},
    {"truncate_prompt_tokens": 8},
    {"truncate_prompt_tokens": -1},
    {"truncate_prompt_tokens": 8, "truncation_side": "right"},
    {"truncate_prompt_tokens": 8, "truncation_side": "left"},
    {"max_tokens": 8.0, "seed": 3.0},
    {"return_token_ids": True},
    {"return_token_ids": False},
    {"priority": 0},
    {"user": "ada"},
    {"request_id": "mine"},
    {"cache_salt": "salt"},
    {"add_special_tokens": True},
    {"add_special_tokens": False},
    {"length_penalty": 1.0, "use_beam_search": False},
    {"stream_interval": 1},
    {"vllm_xargs": {}},
    {"nobody_knows_this": 1},
    {"temperature": None, "seed": 5, "top_p": None, "stop": None, "logit_bias": None},
    {"watermarking": False},
    {"repetition_detection": None},
    {"session_id": "s"},
]


def cases() -> Iterator[Case]:
    makers: list[Callable[..., Case]] = [chat, completion]
    for make in makers:
        for fields in FIELDS:
            yield from both(make(f"sampling {fields}", **fields))
