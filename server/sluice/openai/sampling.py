"""The fields that OpenAI's chat and completions have in common, and the Sampling that they come to."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from sluice.engine.base import Sampling
from sluice.errors import InvalidRequest
from sluice.openai.structured import Structured
from sluice.settings import RequestClass
from sluice.wire.body import Dropped, Whole, WireModel, at_most, only

INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1
MOST_SEQUENCES = 1024
"""Of one request, however many seats there are: all are put in line at once, and a batch is hardly ever larger."""
MOST_STOPS, LONGEST_STOP = 16, 256
"""Texts, and characters of one: all are looked for after each token. OpenAI takes 4."""
MOST_BIASES = 1024
"""Each is put into every step's scores; OpenAI's own examples have a few, and classifiers some hundred."""

SAME_IN_SAMPLING = frozenset(
    {
        "temperature", "top_p", "top_k", "min_p", "min_tokens", "seed", "presence_penalty", "frequency_penalty",
        "repetition_penalty", "ignore_eos",
    }
)  # fmt: skip

Count = Annotated[int, Field(ge=1, le=INT32_MAX), Whole]
Penalty = Annotated[float, Field(ge=-2, le=2)]
TokenKey = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
StopText = Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)]
Bias = Annotated[float, Field(ge=-100, le=100)]


def as_list(stop: object) -> object:
    return [stop] if isinstance(stop, str) else stop


class StreamOptions(WireModel):
    include_usage: bool = False
    include_obfuscation: Annotated[Any, only(False)] = None


class GenerationBody(Structured):
    """A body that asks for generation; names, ranges and defaults are OpenAI's, or vLLM's where OpenAI has none.

    What is not given is left to `Sampling`'s own defaults.
    """

    model: str
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
    stop: Annotated[list[StopText], Field(fail_fast=True), at_most(MOST_STOPS), BeforeValidator(as_list)] | None = None
    ignore_eos: bool | None = None
    user: Dropped = None

    @model_validator(mode="after")
    def fields_agree(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise InvalidRequest("stream_options needs stream: true.", param="stream_options")
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
    def request_class(self) -> RequestClass | None:
        """The one that OpenAI's `service_tier` asks for, where there is one."""
        return None

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling(self, logprobs: int | None) -> Sampling:
        given = self.model_fields_set & SAME_IN_SAMPLING
        return Sampling(
            max_tokens=self.limit,
            stop=tuple(self.stop or ()),
            logit_bias={int(token): bias for token, bias in (self.logit_bias or {}).items()} or None,
            logprobs=logprobs,
            constraint=self.constraint(),
            **{name: getattr(self, name) for name in given},
        )
