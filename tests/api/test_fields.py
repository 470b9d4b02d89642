"""What a request may ask for besides its text, of the real engine: compared with what the model itself says."""

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sluice.api.generation import MOST_PROMPT_LOGPROBS
from sluice.settings.models import DEMO
from tests.api.wire import CHAT, TEXT
from tests.conftest import Running, Serve, Started

PROMPTS = ["Count from 1 to 9.", "The cat sat near the sea. é 漢字"]


@pytest.fixture
async def server(serve: Serve, vllm: Started) -> AsyncIterator[Running]:
    async with serve(vllm, concurrency=8) as server:
        yield server


@pytest.fixture
async def client(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(str(DEMO))


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(str(DEMO), dtype=torch.float32).eval()


async def ask(client: httpx.AsyncClient, path: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post(path, json={"model": "demo", "temperature": 0} | fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def events(client: httpx.AsyncClient, path: str, **fields: Any) -> list[dict[str, Any]]:
    answer = await client.post(path, json={"model": "demo", "temperature": 0, "stream": True} | fields)
    assert answer.status_code == 200, answer.text
    *data, done = answer.text.strip().split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(each.removeprefix("data: ")) for each in data]


async def refused(client: httpx.AsyncClient, path: str, **fields: Any) -> str:
    answer = await client.post(path, json={"model": "demo"} | fields)
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["param"])


def user(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def log_likelihood(model: Any, tokens: list[int]) -> list[float]:
    """Of each token but the first, computed by transformers."""
    with torch.no_grad():
        scores = model(torch.tensor([tokens])).logits[0].log_softmax(-1)
    return [float(scores[place, token]) for place, token in enumerate(tokens[1:])]


# What lm-eval asks for a log-likelihood: the prompt's own logprobs, with an answer of one token or none.


@pytest.mark.parametrize(
    ("max_tokens", "n", "as_ids", "stream"), itertools.product((0, 1), (1, 2), (False, True), (False, True))
)
async def test_an_echos_log_likelihood_is_the_models(  # noqa: PLR0917 - a matrix
    client: httpx.AsyncClient, tokenizer: Any, model: Any, max_tokens: int, n: int, as_ids: bool, stream: bool
) -> None:
    ids = [tokenizer.encode(prompt) for prompt in PROMPTS]
    asked = {"prompt": ids if as_ids else PROMPTS, "echo": True, "logprobs": 1, "max_tokens": max_tokens, "n": n}
    if stream:
        chunks = await events(client, TEXT, **asked)
        choices = [
            put_together([c["choices"][0] for c in chunks if c["choices"][0]["index"] == i]) for i in range(2 * n)
        ]
    else:
        choices = (await ask(client, TEXT, **asked))["choices"]
    assert [choice["index"] for choice in choices] == list(range(2 * n))
    for choice in choices:
        prompt, tokens = PROMPTS[choice["index"] // n], ids[choice["index"] // n]
        told = choice["logprobs"]
        expected = log_likelihood(model, tokens)
        assert {len(entries) for entries in told.values()} == {len(tokens) + max_tokens}
        assert (told["token_logprobs"][0], told["top_logprobs"][0]) == (None, None)
        scores = told["token_logprobs"][1 : len(tokens)]
        assert scores == pytest.approx(expected, abs=1e-3)
        assert sum(scores) == pytest.approx(sum(expected), abs=1e-3)
        assert all(score <= max(top.values()) for score, top in zip(scores, told["top_logprobs"][1:], strict=False))
        assert choice["text"].startswith(prompt)
        assert (choice["text"] == prompt) == (max_tokens == 0)
        assert "".join(told["tokens"]) == choice["text"]
        lengths = [0, *itertools.accumulate(map(len, told["tokens"]))]
        assert told["text_offset"] == lengths[:-1]


def put_together(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """The choice that its pieces make."""
    logprobs = [choice["logprobs"] for choice in choices]
    return {
        "index": choices[0]["index"],
        "text": "".join(choice["text"] for choice in choices),
        "logprobs": {name: [entry for each in logprobs for entry in each[name]] for name in logprobs[0]},
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("logprobs", [None, 0, 3])
@pytest.mark.parametrize("with_ids", [False, True])
async def test_an_echo_is_the_prompt_and_the_answer(
    client: httpx.AsyncClient, tokenizer: Any, stream: bool, logprobs: int | None, with_ids: bool
) -> None:
    """With token ids asked for, they stand for the prompt's text, as in vLLM."""
    asked = {"prompt": PROMPTS, "max_tokens": 5, "logprobs": logprobs, "return_token_ids": with_ids}
    plain = (await ask(client, TEXT, **asked))["choices"]
    if stream:
        texts, prompts = ["", ""], [None, None]
        ids: list[list[int]] = [[], []]
        for chunk in await events(client, TEXT, **asked, echo=True):
            (choice,) = chunk["choices"]
            texts[choice["index"]] += choice["text"]
            ids[choice["index"]] += choice.get("token_ids", [])
            prompts[choice["index"]] = choice.get("prompt_token_ids", prompts[choice["index"]])
    else:
        echoed = (await ask(client, TEXT, **asked, echo=True))["choices"]
        texts = [choice["text"] for choice in echoed]
        ids = [choice.get("token_ids", []) for choice in echoed]
        prompts = [choice.get("prompt_token_ids") for choice in echoed]
    written = ["", ""] if with_ids else PROMPTS
    assert texts == [prompt + choice["text"] for prompt, choice in zip(written, plain, strict=True)]
    if with_ids:
        assert prompts == [tokenizer.encode(prompt) for prompt in PROMPTS]
        assert ids == [choice["token_ids"] for choice in plain]
        assert [tokenizer.decode(each) for each in ids] == [choice["text"] for choice in plain]
    else:
        assert prompts == [None, None]


async def test_prompt_logprobs_are_of_each_token(client: httpx.AsyncClient, tokenizer: Any, model: Any) -> None:
    tokens = tokenizer.encode(PROMPTS[0])
    (choice,) = (await ask(client, TEXT, prompt=PROMPTS[0], prompt_logprobs=2, max_tokens=1))["choices"]
    first, *others = choice["prompt_logprobs"]
    assert first is None
    told = [entries[str(token)] for entries, token in zip(others, tokens[1:], strict=True)]
    assert [each["logprob"] for each in told] == pytest.approx(log_likelihood(model, tokens), abs=1e-3)
    assert [each["decoded_token"] for each in told] == [tokenizer.decode([token]) for token in tokens[1:]]
    assert all({1, 2} <= {each["rank"] for each in entries.values()} for entries in others)
    chat = await ask(client, CHAT, **user("1 2"), prompt_logprobs=0, max_tokens=1, return_token_ids=True)
    assert [list(entries) for entries in chat["prompt_logprobs"][1:]] == [
        [str(token)] for token in chat["prompt_token_ids"][1:]
    ]


async def test_more_logprobs_of_prompts_than_are_read_are_refused(client: httpx.AsyncClient) -> None:
    long = {"prompt": [100] * (MOST_PROMPT_LOGPROBS[True] // 2 + 1), "echo": True, "logprobs": 1, "max_tokens": 1}
    assert await refused(client, TEXT, **long, stream=True) == "prompt"


async def test_chats_echo_is_what_the_assistant_has_begun(client: httpx.AsyncClient) -> None:
    begun = [{"role": "user", "content": "Count from 1 to 5."}, {"role": "assistant", "content": "1 2"}]
    asked = {"messages": begun, "add_generation_prompt": False, "continue_final_message": True}
    answer = await ask(client, CHAT, **asked, echo=True)
    assert answer["choices"][0]["message"]["content"] == "1 2 3 4 5"
    chunks = await events(client, CHAT, **asked, echo=True)
    texts = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert ("".join(texts), texts[:2]) == ("1 2 3 4 5", ["", "1 2"])
    assert (await ask(client, CHAT, **user("Count from 1 to 3."), echo=True))["choices"][0]["message"][
        "content"
    ] == "1 2 3"


# Which tokens, and where it ends.


async def test_tokens_that_stop_are_told(client: httpx.AsyncClient, tokenizer: Any) -> None:
    asked = user("Count from 1 to 9.")
    ids = (await ask(client, CHAT, **asked, return_token_ids=True))["choices"][0]["token_ids"]
    five = next(token for token in ids if "5" in tokenizer.decode([token]))
    (choice,) = (await ask(client, CHAT, **asked, stop_token_ids=[five]))["choices"]
    assert (choice["stop_reason"], choice["finish_reason"]) == (five, "stop")
    assert choice["message"]["content"].strip() == "1 2 3 4"
    (choice,) = (await ask(client, CHAT, **asked, stop_token_ids=[five], include_stop_str_in_output=True))["choices"]
    assert choice["message"]["content"] == "1 2 3 4 5"
    (choice,) = (await ask(client, CHAT, **asked, stop=["5"], include_stop_str_in_output=True))["choices"]
    assert (choice["message"]["content"], choice["stop_reason"]) == ("1 2 3 4 5", "5")


async def test_only_some_tokens_may_be(client: httpx.AsyncClient, tokenizer: Any) -> None:
    asked = user("Count from 1 to 9.") | {"return_token_ids": True, "max_tokens": 6}
    allowed = [100, 200]
    (choice,) = (await ask(client, CHAT, **asked, allowed_token_ids=allowed))["choices"]
    assert set(choice["token_ids"]) <= set(allowed)
    (choice,) = (await ask(client, CHAT, **asked, bad_words=["3"]))["choices"]
    assert choice["message"]["content"].startswith("1 2")
    assert "3" not in choice["message"]["content"]
    assert await refused(client, CHAT, **asked, allowed_token_ids=[10**6]) == "allowed_token_ids"


async def test_special_tokens_are_shown_where_they_are_asked_for(client: httpx.AsyncClient) -> None:
    asked = user("Count from 1 to 3.") | {"ignore_eos": True, "max_tokens": 12}
    shown = (await ask(client, CHAT, **asked, skip_special_tokens=False))["choices"][0]["message"]["content"]
    hidden = (await ask(client, CHAT, **asked))["choices"][0]["message"]["content"]
    assert shown.startswith("1 2 3<|im_end|>")
    assert "<|im_end|>" not in hidden


async def test_logprobs_of_chosen_tokens_and_tokens_by_their_ids(client: httpx.AsyncClient) -> None:
    asked: dict[str, Any] = {"logprob_token_ids": [100, 101, 102], "max_tokens": 2, "return_tokens_as_token_ids": True}
    names = {"token_id:100", "token_id:101", "token_id:102"}
    chat = await ask(client, CHAT, **user("1"), **asked, logprobs=True, return_token_ids=True)
    for entry, token in zip(chat["choices"][0]["logprobs"]["content"], chat["choices"][0]["token_ids"], strict=True):
        assert entry["token"] == f"token_id:{token}"
        assert {each["token"] for each in entry["top_logprobs"]} == names | {entry["token"]}
    text = (await ask(client, TEXT, prompt="1", **asked, logprobs=1))["choices"][0]["logprobs"]
    for token, top in zip(text["tokens"], text["top_logprobs"], strict=True):
        assert set(top) == names | {token}


async def test_bytes_put_a_character_of_several_tokens_together(client: httpx.AsyncClient) -> None:
    content = (await ask(client, CHAT, **user("Repeat: é 中 🙂"), logprobs=True))["choices"][0]
    said = bytes(byte for entry in content["logprobs"]["content"] for byte in entry["bytes"]).decode()
    assert said.removesuffix("<|im_end|>") == content["message"]["content"]


async def test_thoughts_have_a_budget(client: httpx.AsyncClient) -> None:
    asked = user("What is 17 + 25?") | {"chat_template_kwargs": {"enable_thinking": True}}
    free = (await ask(client, CHAT, **asked))["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert free > 3
    held = await ask(client, CHAT, **asked, thinking_token_budget=2)
    assert held["usage"]["completion_tokens_details"]["reasoning_tokens"] <= 4


# The prompt.


async def test_prompts_are_cut(client: httpx.AsyncClient, tokenizer: Any) -> None:
    tokens = tokenizer.encode(PROMPTS[1])
    for side, kept in (("left", tokens[-4:]), ("right", tokens[:4]), (None, tokens[-4:])):
        asked = {"truncate_prompt_tokens": 4, "truncation_side": side, "return_token_ids": True, "max_tokens": 1}
        for prompt in (PROMPTS[1], tokens):
            answer = await ask(client, TEXT, prompt=prompt, **asked)
            assert answer["choices"][0]["prompt_token_ids"] == kept
            assert answer["usage"]["prompt_tokens"] == 4
    long = "a word " * 100_000
    assert (await ask(client, TEXT, prompt=long, truncate_prompt_tokens=20, max_tokens=1))["usage"][
        "prompt_tokens"
    ] == 20
    chat = await ask(client, CHAT, **user(long), truncate_prompt_tokens=-1)
    assert chat["usage"]["completion_tokens"] >= 1


async def test_the_prompts_tokens_and_text_come_first(client: httpx.AsyncClient, tokenizer: Any) -> None:
    asked = user("Count from 1 to 3.") | {"return_token_ids": True, "return_prompt_text": True}
    whole = await ask(client, CHAT, **asked)
    assert whole["prompt_text"] == tokenizer.apply_chat_template(
        asked["messages"], tokenize=False, add_generation_prompt=True
    )
    assert tokenizer.decode(whole["prompt_token_ids"]) == whole["prompt_text"]
    first, *others = await events(client, CHAT, **asked, n=2)
    assert (first["prompt_token_ids"], first["prompt_text"]) == (whole["prompt_token_ids"], whole["prompt_text"])
    ids: list[list[int]] = [[], []]
    for chunk in others:
        ids[chunk["choices"][0]["index"]] += chunk["choices"][0].get("token_ids", [])
    assert ids == [whole["choices"][0]["token_ids"]] * 2


# What the answer tells.


@pytest.mark.parametrize("path", [CHAT, TEXT])
async def test_each_chunk_tells_what_has_been_used(client: httpx.AsyncClient, path: str) -> None:
    asked = user("Count from 1 to 9.") if path == CHAT else {"prompt": PROMPTS[0], "max_tokens": 9}
    options = {"include_usage": True, "continuous_usage_stats": True}
    *chunks, last = await events(client, path, **asked, stream_options=options)
    used = [chunk["usage"]["completion_tokens"] for chunk in chunks]
    assert used == list(range(0 if path == CHAT else 1, last["usage"]["completion_tokens"] + 1))
    assert {chunk["usage"]["prompt_tokens"] for chunk in chunks} == {last["usage"]["prompt_tokens"]}
    assert all(
        chunk["usage"]["total_tokens"] == chunk["usage"]["prompt_tokens"] + chunk["usage"]["completion_tokens"]
        for chunk in chunks
    )


async def test_an_answer_has_the_name_that_its_client_gives_it(client: httpx.AsyncClient) -> None:
    asked = {"prompt": "1", "max_tokens": 1, "request_id": "mine"}
    assert (await ask(client, TEXT, **asked))["id"] == "cmpl-mine"
    assert {chunk["id"] for chunk in await events(client, CHAT, **user("1"), request_id="mine")} == {"chatcmpl-mine"}


async def test_a_tenants_prompts_are_cached_for_itself(serve: Serve, vllm: Started, monkeypatch: Any) -> None:
    names = ["ann", "bob"]
    for name in names:
        monkeypatch.setenv(f"KEY_{name}", f"sk-{name}")
    tenants = [{"name": name, "keys": [f"env:KEY_{name}"]} for name in names]
    async with serve(vllm, {"tenants": tenants}) as server:

        async def cached(name: str, **fields: Any) -> int:
            async with httpx.AsyncClient(base_url=server.url, headers={"x-api-key": f"sk-{name}"}) as client:
                asked = {"prompt": "A secret that is long enough. " * 20, "max_tokens": 1}
                used = (await ask(client, TEXT, **asked, **fields))["usage"]
                number: int = used["prompt_tokens_details"]["cached_tokens"]
                assert 0 <= number < used["prompt_tokens"]
                return number

        assert [await cached("ann"), await cached("bob")] == [0, 0]
        assert await cached("ann") > 50
        assert [await cached(name, cache_salt="ann\n") for name in names] == [0, 0]


async def test_a_format_holds_completions_too(client: httpx.AsyncClient) -> None:
    asked = {"prompt": "Say it.", "max_tokens": 30, "structured_outputs": {"choice": ["yes", "no"]}}
    assert (await ask(client, TEXT, **asked))["choices"][0]["text"] in {"yes", "no"}
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    formatted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    text = (await ask(client, TEXT, prompt="1", response_format=formatted, max_tokens=100))["choices"][0]["text"]
    assert json.loads(text)["a"] in {1, 2}
