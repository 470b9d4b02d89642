"""The end of a prompt is not written again, wherever in a character it ends."""

import codecs
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

import sluice.demo
from sluice.engine.base import Rendered, Sampling
from sluice.engine.gathered import Gathered
from sluice.engine.vllm.continuation import Continuation, Unfinished, stream_after
from sluice.engine.vllm.direct.sequence import MOST_SILENT_TOKENS
from tests.conftest import Started

TOKENIZER = Tokenizer.from_file(str(Path(sluice.demo.__file__).parent / "tokenizer.json"))
FIRST_BYTE = TOKENIZER.get_vocab()["Ā"]  # GPT-2's letter for the byte 0
SIGN = "\ufffd"
PIECES = [*map(str.encode, ("a", " ", "\n", "漢", "🎉", "👩‍👩‍👧", "é")), b"\xe6", b"\xbc", b"\xf0\x9f", b"\xff"]
TEXTS = st.lists(st.sampled_from(PIECES)).map(b"".join) | st.binary(max_size=12)


def tokens_of(text: bytes) -> list[int]:
    """A token a byte."""
    return [FIRST_BYTE + byte for byte in text]


def answered(prompt: bytes, answer: bytes) -> str:
    """What an answer's bytes are after a prompt's: the characters that they complete."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(prompt)
    has_begun = decoder.getstate()[0] != b""
    text = decoder.decode(answer)
    return text.removeprefix(SIGN) if has_begun else text


def test_the_tokens_are_bytes() -> None:
    assert TOKENIZER.decode(tokens_of("漢 🎉".encode())) == "漢 🎉"


@given(TEXTS, TEXTS, st.integers(0, 12))
@example("Count to 漢".encode()[:-1], b"\xa2 ok", 0)
@example("Count to 漢".encode()[:-1], b" ok", 1)
@example("🎉".encode()[:1], "🎉".encode()[1:] + b"!", 2)
@example(b"\xbc\xbc\xff", b"a", 0)
def test_an_answer_is_what_its_own_tokens_complete(prompt: bytes, answer: bytes, pause: int) -> None:
    assume(SIGN.encode() not in prompt + answer)  # a character as well, and not to be told from one that is none
    ids, new = tokens_of(prompt), tokens_of(answer)
    stream = stream_after(TOKENIZER, ids)
    expected = answered(prompt, answer).rstrip(SIGN)
    assert "".join(stream.step(TOKENIZER, token) or "" for token in new).rstrip(SIGN) == expected
    before = stream_after(TOKENIZER, ids)
    text = "".join(before.step(TOKENIZER, token) or "" for token in new[:pause])
    after = Continuation(TOKENIZER, ids, new[:pause])
    assert (text + after.decode(new[pause:])).rstrip(SIGN) == expected


@pytest.mark.parametrize(
    ("prompt", "pieces", "expected"),
    [
        ("ab\ufffd", ["ab漢", "c"], ["漢", "c"]),
        ("ab\ufffd", ["ab\ufffd c"], [" c"]),
        ("ab\ufffd\ufffd", ["ab漢"], ["漢"]),
        ("ab\ufffd", ["ab\ufffd\ufffdc"], ["\ufffdc"]),
        ("ab\ufffd", ["a", "b", "漢", "\ufffd"], ["", "", "漢", "\ufffd"]),  # vLLM looks for a stop string first
    ],
)
def test_a_prompts_text_is_taken_away(prompt: str, pieces: list[str], expected: list[str]) -> None:
    unfinished = Unfinished(prompt)
    assert [unfinished.beyond(piece) if unfinished.text else piece for piece in pieces] == expected


@pytest.fixture(params=["direct", "public"])
def engine(request: pytest.FixtureRequest, vllm: Started, public: Started) -> Started:
    if request.param == "direct" and vllm.output_path != "direct":
        pytest.skip(f"the direct way does not fit: {vllm.misfit}")
    return vllm if request.param == "direct" else public


class Pausing(Gathered):
    """Stops its sequence as soon as it has a token."""

    sequence: Any = None
    has_paused = False

    def put(self, delta: Any) -> None:
        super().put(delta)
        if not self.has_paused and delta.finish_reason is None:
            self.has_paused = True
            self.sequence.pause()
            self.sequence.resume()


@pytest.mark.parametrize("asked", [{}, {"logprobs": 0}, {"stop": ("never",)}], ids=str)
@pytest.mark.parametrize("receiver", [Gathered, Pausing])
@pytest.mark.parametrize("text", ["Count to 漢", "What is 🎉", "👩‍👩‍👧", "x" * 30 + "漢", "漢" * 20, "ab\ufffd"])
async def test_of_a_prompt_nothing_is_answered(
    engine: Started, text: str, receiver: type[Gathered], asked: dict[str, Any]
) -> None:
    whole = text.encode()
    for end in range(len(whole) - (0 if text.endswith(SIGN) else 3), len(whole) + 1):
        for number in (1, 2, 5):
            after = [*whole[end:], *b"a"]
            sampling = Sampling(
                temperature=1.0, max_tokens=number, ignore_eos=True,
                logit_bias=dict.fromkeys(tokens_of(bytes(after)), 90.0), **asked,
            )  # fmt: skip
            gathered = receiver()
            prompt = tokens_of(whole[:end])
            sequence: Any = engine.submit(f"cut-{end}-{number}", Rendered(prompt), sampling, gathered)
            if isinstance(gathered, Pausing):
                gathered.sequence = sequence
                gathered.has_paused = not sequence.can_pause
            deltas = await gathered.all()
            made = bytes(token - FIRST_BYTE for token in sequence.tokens)
            answer = "".join(delta.text for delta in deltas)
            assert answer.rstrip(SIGN) == answered(whole[:end], made).rstrip(SIGN), (prompt, made)
            assert sum(delta.tokens for delta in deltas) == number == len(made)


@pytest.mark.parametrize("asked", [{}, {"logprobs": 0}, {"stop": ("never",)}], ids=str)
async def test_tokens_that_make_no_character_for_long(vllm: Started, asked: dict[str, Any]) -> None:
    """They are not decoded again and again, and what comes after them is whole."""
    if vllm.output_path != "direct":
        pytest.skip(f"the direct way does not fit: {vllm.misfit}")
    gathered = Gathered()
    sampling = Sampling(max_tokens=1, **asked)
    sequence: Any = vllm.submit("silent", Rendered(tokens_of(b"a")), sampling, gathered)
    await gathered.all()
    texts = list[str]()
    for token in [*tokens_of("漢字".encode()) * 100, *tokens_of(b"\xbc") * 1000, *tokens_of("漢".encode() + b"!")]:
        sequence.tokens.append(token)
        texts.append(sequence.decode(token))
        assert len(sequence.silent) < MOST_SILENT_TOKENS
    text = "".join(texts)
    assert text.startswith("漢字" * 100)
    assert text.endswith("漢!")
    assert set(text) <= set(f"漢字!{SIGN}")
