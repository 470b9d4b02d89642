"""The fields that OpenAI's chat and completions have in common, and the Sampling that they come to."""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sluice.engine.base import Sampling, Tokenizing
from sluice.errors import InvalidRequest
from sluice.openai.structured import Structured
from sluice.settings import RequestClass
from sluice.wire.body import Dropped, Whole, WireModel, at_most, only
from sluice.wire.described import ONE_OR_MORE

INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1
MOST_SEQUENCES = 1024
"""Of one request, however many seats there are: all are put in line at once, and a batch is hardly ever larger."""
MOST_STOPS, LONGEST_STOP = 16, 256
"""Texts, and characters of one: all are looked for after each token. OpenAI takes 4."""
MOST_BIASES = 1024
"""Each is put into every step's scores; OpenAI's own examples have a few, and classifiers some hundred."""

MOST_TOKEN_IDS = 4096
"""Of `stop_token_ids` and `allowed_token_ids`."""
MOST_LOGPROB_TOKEN_IDS = 128
"""vLLM's own limit."""
MOST_BAD_WORDS, LONGEST_BAD_WORD = 32, 64
"""Texts, and characters of one: vLLM tokenizes each of them twice for each sequence."""
MOST_LOGPROBS = 20
"""Alternatives of a token; vLLM's own limit, and OpenAI's."""

SAME_IN_SAMPLING = frozenset(
    {
        "temperature", "top_p", "top_k", "min_p", "min_tokens", "seed", "presence_penalty", "frequency_penalty",
        "repetition_penalty", "ignore_eos", "include_stop_str_in_output", "skip_special_tokens",
        "spaces_between_special_tokens", "cache_salt",
    }
)  # fmt: skip

Count = Annotated[int, Field(ge=1, le=INT32_MAX), Whole]
Penalty = Annotated[float, Field(ge=-2, le=2)]
TokenKey = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
TokenId = Annotated[int, Field(ge=0, le=INT32_MAX), Whole]
TokenIds = Annotated[list[TokenId], Field(fail_fast=True), at_most(MOST_TOKEN_IDS)]
BadWord = Annotated[str, Field(min_length=1, max_length=LONGEST_BAD_WORD)]
TruncateTo = Annotated[int, Field(ge=-1, le=INT64_MAX), Whole]
CacheSalt = Annotated[str, Field(min_length=1, max_length=1024)]
RequestId = Annotated[str, Field(min_length=1, max_length=128)]
StopText = Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)]
Bias = Annotated[float, Field(ge=-100, le=100)]


class StreamOptions(WireModel):
    include_usage: bool = False
    continuous_usage_stats: bool = False
    include_obfuscation: Annotated[Any, only(False)] = None


class GenerationBody(Structured, ABC):
    """A body that asks for generation; names, ranges and defaults are OpenAI's, or vLLM's where OpenAI has none.

    What is not given is left to `Sampling`'s own defaults.
    """

    model: str | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=128), Whole] = 1
    max_tokens: Count | None = None
    min_tokens: Annotated[int, Field(ge=0, le=INT32_MAX), Whole] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=INT32_MAX), Whole] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, Field(gt=0)] | None = None
    logit_bias: Annotated[dict[TokenKey, Bias], at_most(MOST_BIASES)] | None = None
    seed: Annotated[int, Field(ge=-INT64_MAX - 1, le=INT64_MAX), Whole] | None = None
    stop: Annotated[list[StopText], Field(fail_fast=True), at_most(MOST_STOPS), ONE_OR_MORE] | None = None
    ignore_eos: bool | None = None
    stop_token_ids: TokenIds | None = None
    include_stop_str_in_output: bool | None = None
    bad_words: Annotated[list[BadWord], Field(fail_fast=True), at_most(MOST_BAD_WORDS)] | None = None
    allowed_token_ids: Annotated[TokenIds, Field(min_length=1)] | None = None
    skip_special_tokens: bool | None = None
    spaces_between_special_tokens: bool | None = None
    thinking_token_budget: Annotated[int, Field(ge=-1, le=INT32_MAX), Whole] | None = None
    prompt_logprobs: Annotated[int, Field(ge=0, le=MOST_LOGPROBS), Whole] | None = None
    logprob_token_ids: Annotated[list[TokenId], Field(fail_fast=True), at_most(MOST_LOGPROB_TOKEN_IDS)] | None = None
    return_tokens_as_token_ids: bool = False
    return_token_ids: bool = False
    echo: bool = False
    truncate_prompt_tokens: TruncateTo | None = None
    truncation_side: Literal["left", "right"] | None = None
    add_special_tokens: bool | None = None
    cache_salt: CacheSalt | None = None
    request_id: RequestId | None = None
    user: Dropped = None

    # These change no answer of this server: they are for beam search, for other kinds of models or other routes, or
    # are about how the answer comes.
    session_id: Dropped = None
    length_penalty: Dropped = None
    stream_interval: Dropped = None
    routed_experts_prompt_start: Dropped = None
    return_token_offsets: Dropped = None
    mm_payload: Dropped = None
    return_mm_kwargs: Dropped = None

    # These are not served: only what changes nothing is accepted.
    use_beam_search: Annotated[Any, only(False)] = None
    watermarking: Annotated[Any, only(False)] = None
    priority: Annotated[Any, only(0, 0.0)] = None
    repetition_detection: Annotated[Any, only()] = None
    kv_transfer_params: Annotated[Any, only({})] = None
    ec_transfer_params: Annotated[Any, only({})] = None
    vllm_xargs: Annotated[Any, only({})] = None

    @model_validator(mode="after")
    def fields_agree(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise InvalidRequest("stream_options needs stream: true.", param="stream_options")
        if self.logprob_token_ids and not self.wants_logprobs:
            raise InvalidRequest("logprob_token_ids needs logprobs.", param="logprob_token_ids")
        if self.prompt_logprobs and self.stream:
            raise InvalidRequest("prompt_logprobs are not streamed.", param="prompt_logprobs")
        limit = self.limit
        if limit is not None and self.min_tokens is not None and self.min_tokens > limit:
            raise InvalidRequest(
                f"min_tokens ({self.min_tokens}) is larger than the answer may be ({limit} tokens).", param="min_tokens"
            )
        return self

    @property
    def limit(self) -> int | None:
        """The longest answer, in tokens; None: as long as the model's context allows."""
        return self.max_tokens

    @property
    @abstractmethod
    def wants_logprobs(self) -> bool: ...

    @property
    def tells_ids(self) -> bool:
        """Of the answer's tokens."""
        return self.return_token_ids

    @property
    def request_class(self) -> RequestClass | None:
        """The one that OpenAI's `service_tier` asks for, where there is one."""
        return None

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def continuous_usage(self) -> bool:
        """Each chunk tells what has been used so far."""
        return self.include_usage and self.stream_options is not None and self.stream_options.continuous_usage_stats

    def tokenizing(self, wants_text: bool) -> Tokenizing:
        return Tokenizing(self.add_special_tokens, self.truncate_prompt_tokens, self.truncation_side, wants_text)

    def sampling(self, logprobs: int | None, prompt_logprobs: int | None = None) -> Sampling:
        given = self.model_fields_set & SAME_IN_SAMPLING
        return Sampling(
            max_tokens=self.limit,
            stop=tuple(self.stop or ()),
            logit_bias={int(token): bias for token, bias in (self.logit_bias or {}).items()} or None,
            logprobs=logprobs,
            constraint=self.constraint(),
            wants_ids=self.tells_ids,
            stop_token_ids=tuple(self.stop_token_ids or ()),
            bad_words=tuple(self.bad_words or ()),
            allowed_token_ids=tuple(self.allowed_token_ids) if self.allowed_token_ids else None,
            logprob_token_ids=tuple(self.logprob_token_ids) if self.logprob_token_ids else None,
            prompt_logprobs=prompt_logprobs if self.prompt_logprobs is None or self.stream else self.prompt_logprobs,
            thinking_token_budget=None if self.thinking_token_budget == -1 else self.thinking_token_budget,
            **{name: getattr(self, name) for name in given if getattr(self, name) is not None},
        )
