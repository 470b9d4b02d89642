"""The Engine protocol: what the rest of Sluice knows of an inference engine, and the values that pass through it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec
from prometheus_client.registry import Collector

from sluice.engine.parser import CallDelta, Parser
from sluice.errors import RequestError

FinishReason = Literal["stop", "length"]
OutputPathName = Literal["direct", "public"]


class NamedTool(msgspec.Struct, frozen=True):
    """The tool that has to be called."""

    name: str


ToolChoice = Literal["none", "auto", "required"] | NamedTool


class Chat(msgspec.Struct, frozen=True):
    """A conversation that the model's chat template turns into a prompt.

    `tools`: functions, in OpenAI's form. `template_kwargs` may hold `enable_thinking`, `reasoning_effort`,
    `add_generation_prompt` and `continue_final_message`. `include_reasoning`: false drops it from the answer.
    `thinking_budget`: the tokens that its reasoning may have, of a model whose reasoning can be told.
    """

    messages: list[dict[str, Any]]
    template_kwargs: dict[str, Any] = {}
    tools: list[dict[str, Any]] = []
    tool_choice: ToolChoice = "none"
    parallel_tool_calls: bool = True
    include_reasoning: bool = True
    thinking_budget: int | None = None


class Pair(msgspec.Struct, frozen=True):
    """Two texts that are scored together."""

    first: str
    second: str


Prompt = Chat | Pair | str | list[int]
"""A conversation, a pair of texts, a text, or token ids."""


class Constraint(msgspec.Struct, frozen=True):
    """What an answer has to look like; kinds, values and options are vLLM's `StructuredOutputsParams`."""

    kind: Literal["json", "json_object", "regex", "choice", "grammar", "structural_tag"]
    value: Any
    options: dict[str, Any] = {}


class Sampling(msgspec.Struct, frozen=True):
    """How tokens are chosen and when a sequence ends; names and meanings are vLLM's `SamplingParams`.

    None leaves it to the model's own default (its generation_config), or to the engine's. `constraint` is for the
    engine to put together with what tools ask for. `wants_ids`: each delta tells its tokens' ids. `cache_salt`:
    prompts share what is cached of them only with those that have the same.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    max_tokens: int | None = None
    min_tokens: int = 0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float | None = None
    logit_bias: dict[int, float] | None = None
    logprobs: int | None = None
    ignore_eos: bool = False
    constraint: Constraint | None = None
    wants_ids: bool = False
    stop_token_ids: tuple[int, ...] = ()
    include_stop_str_in_output: bool = False
    bad_words: tuple[str, ...] = ()
    allowed_token_ids: tuple[int, ...] | None = None
    logprob_token_ids: tuple[int, ...] | None = None
    prompt_logprobs: int | None = None
    skip_special_tokens: bool = True
    spaces_between_special_tokens: bool = True
    thinking_token_budget: int | None = None
    cache_salt: str | None = None


class Tokenizing(msgspec.Struct, frozen=True):
    """How a prompt becomes tokens.

    `add_special_tokens`: such as one for the beginning; None: to a text, and not to what a template has written.
    `truncate_to`: so many tokens at most, of the end that `truncation_side` does not name; -1: as many as leave room
    for an answer. `wants_text`: `Rendered.text` is needed.
    """

    add_special_tokens: bool | None = None
    truncate_to: int | None = None
    truncation_side: Literal["left", "right"] | None = None
    wants_text: bool = False


AS_IT_IS = Tokenizing()


Task = Literal["generate", "embed", "score"]
"""What a model can be asked for."""


class Pooling(msgspec.Struct, frozen=True):
    """What is made of a prompt in the place of an answer; names and meanings are vLLM's `PoolingParams`.

    `cache_salt`: as that of a Sampling.
    """

    task: Literal["embed", "classify"]
    dimensions: int | None = None
    use_activation: bool | None = None
    cache_salt: str | None = None


class Rendered(msgspec.Struct, frozen=True):
    """A prompt as the engine takes it.

    `parser` makes what reads one answer to it, where there are tools or reasoning. `more`: what the engine wants to
    know of it again when it is submitted. `text`: of the tokens, where it was asked for.
    """

    tokens: list[int]
    parser: Callable[[], Parser] | None = None
    more: dict[str, Any] = {}
    text: str | None = None


class GenerationRequest(msgspec.Struct, frozen=True):
    """What a request's body asks for, valid in itself: `n` sequences for each of its prompts.

    `names`: what its API calls `messages`, `max_tokens` and `response_format`, where it has words of its own.
    `id`: no other request's. `name`: what the client calls its answer, if it does. `adapter`: the name of what changes
    the model for it, if anything does. `pooling`: it has no answer, but this.
    """

    id: str
    prompts: tuple[Prompt, ...]
    sampling: Sampling
    n: int = 1
    names: dict[str, str] = {}
    tokenizing: Tokenizing = AS_IT_IS
    name: str | None = None
    adapter: str | None = None
    pooling: Pooling | None = None

    @property
    def sequences(self) -> int:
        return len(self.prompts) * self.n


class TokenLogprob(msgspec.Struct, frozen=True, gc=False):
    """A token and the natural logarithm of its probability. `rank`: 1 is the likeliest."""

    token: str
    logprob: float
    top: tuple["TokenLogprob", ...] = ()
    id: int = -1
    rank: int | None = None


class PromptLogprobs(msgspec.Struct, frozen=True):
    """Those of a prompt's tokens. The first one has none: its text, and its id."""

    first: str
    first_id: int
    rest: tuple[TokenLogprob, ...]


class Delta(msgspec.Struct, frozen=True, gc=False):
    """What one step of the engine adds to a sequence; `tokens` of them, mostly one. `text` may be empty.

    One is made for every token, hence a Struct: a frozen dataclass takes several times as long.
    """

    text: str
    tokens: int
    finish_reason: FinishReason | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    more: "More | None" = None


class More(msgspec.Struct, frozen=True):
    """What few deltas have.

    `ids`: of its tokens. `stop_reason`: the stop string or the token that ended the sequence, where one was asked for.
    `reasoning` and `calls`: what a parser has found in it; the delta's `text` is what is neither. `prompt` reads the
    prompt's logprobs, which may take long; the first delta has it, where they were asked for. `vector`: of what was
    pooled, in float32.
    """

    ids: tuple[int, ...] = ()
    stop_reason: int | str | None = None
    reasoning: str = ""
    calls: tuple[CallDelta, ...] = ()
    prompt: Callable[[], PromptLogprobs] | None = None
    vector: bytes = b""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the loaded engine says of itself.

    `max_num_seqs` is the running cap over all workers together; `max_tokens` the longest answer that the model's own
    configuration wants, if a request leaves it open. `kv_cache_tokens`: how many have room in the KV cache, over all
    workers together.
    """

    max_model_len: int
    max_num_seqs: int
    max_tokens: int | None = None
    tasks: frozenset[str] = frozenset({"generate"})
    kv_cache_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Loading:
    """How far the engine has come: in which of its `stages`, counted from 1. `part`: of it, from 0 to 1, if known."""

    stages: tuple[str, ...]
    step: int
    part: float | None = None

    @property
    def stage(self) -> str:
        return self.stages[self.step - 1]


class Pace:
    """The engine's: `is_late` while it puts deltas, and has more of them for the next step already."""

    __slots__ = ("is_late",)

    def __init__(self) -> None:
        self.is_late = False


class Receiver(Protocol):
    """Whose a sequence is. The engine calls it from its own loop over the batch, so nothing here may block or raise."""

    def put(self, delta: Delta) -> None:
        """The next delta; the one with a `finish_reason` is the last call."""
        ...

    def fail(self, error: RequestError) -> None:
        """The engine has refused the sequence, or given up on it; this is the last call."""
        ...


class EngineSequence(Protocol):
    """A sequence that the engine has accepted. All methods return at once, and do nothing once it has ended."""

    can_pause: bool
    """Whether it would go on after a pause as if there had been none, with what it has for a prompt."""
    survives: bool
    """Whether it can be resumed if the engine has died meanwhile: it can pause, or would be made again as it was."""
    cached_tokens: int
    """Tokens of its prompt that were in the prefix cache."""
    written_tokens: int
    """Tokens of its prompt that it has put into the prefix cache."""

    def abort(self) -> None:
        """End it; its receiver hears nothing more."""
        ...

    def pause(self) -> None:
        """Take it out of the batch, and keep what it has."""
        ...

    def resume(self) -> None:
        """Put it back into the batch."""
        ...


class Engine(Protocol):
    """One model behind continuous batching. All methods are called on one event loop."""

    pace: Pace

    @property
    def output_path(self) -> OutputPathName | None:
        """Which way its outputs come; None until that is known."""
        ...

    async def start(self, report: Callable[[Loading], None]) -> ModelInfo:
        """Load the model, without blocking the loop.

        Raises `EngineFailed` with one line of text when it cannot, and `SettingsError` if the settings are why.
        """
        ...

    async def render(
        self, prompt: Prompt, constraint: Constraint | None = None, tokenizing: Tokenizing = AS_IT_IS
    ) -> Rendered:
        """Chat template, tokenization, and what an answer is held to; off the event loop if they take long.

        Raises `InvalidRequest`.
        """
        ...

    async def tokenize(self, prompt: Chat | str, tokenizing: Tokenizing = AS_IT_IS) -> list[int]:
        """Tokens of a prompt of any length; off the event loop if they take long. Raises InvalidRequest."""
        ...

    async def detokenize(self, tokens: list[int]) -> str:
        """The text of tokens, the special ones among them. Raises InvalidRequest for what is no token."""
        ...

    async def token_strings(self, tokens: list[int]) -> list[str]:
        """How the vocabulary writes each of them."""
        ...

    async def tokenizer_info(self) -> dict[str, Any]:
        """The tokenizer's own settings, the chat template among them, as JSON has them."""
        ...

    def submit(
        self, sequence_id: str, prompt: Rendered, sampling: Sampling, receiver: Receiver, adapter: str | None = None
    ) -> EngineSequence:
        """Hand a sequence to the engine; its deltas go to the receiver.

        Raises `InvalidRequest`, `EngineFailed` or `EngineDied`, or lets the receiver know a little later.
        """
        ...

    def pool(
        self, sequence_id: str, prompt: Rendered, pooling: Pooling, receiver: Receiver, adapter: str | None = None
    ) -> EngineSequence:
        """The same for what is pooled: its one delta has the vector."""
        ...

    def last_step(self) -> float:
        """When the engine last finished a step, on the clock of `time.monotonic`."""
        ...

    def is_dead(self) -> bool:
        """True once the engine's processes have ended by themselves."""
        ...

    async def recover(self, report: Callable[[Loading], None]) -> None:
        """End what is left of processes that have died or hang, and start them again.

        Sequences that survive are paused before, have heard nothing of the death, and can be resumed then as if there
        had been nothing; all others have failed when it returns. Raises `EngineFailed`.
        """
        ...

    def kv_cache_usage(self) -> float | None:
        """The part of the KV cache that is taken, from 0 to 1; None where nothing tells. It takes little time."""
        ...

    def metrics(self) -> Sequence[Collector]:
        """The engine's own metrics, up to date; they may be collected on any thread."""
        ...

    async def stop(self) -> None:
        """End the engine's processes. Also allowed while it starts."""
        ...
