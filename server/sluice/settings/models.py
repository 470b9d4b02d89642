"""The settings: one frozen model a section. Names and units are the contract; unknown keys are errors."""

import re
from contextlib import suppress
from ipaddress import ip_address
from os.path import expanduser
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from sluice.settings.lora import Adapter, check_names
from sluice.settings.operators import Operators
from sluice.settings.section import Mistake, Section
from sluice.settings.tenants import Tenant, check_distinct

DEMO = Path(__file__).parent.parent / "demo"
SETTINGS_OF_ARGUMENTS = {
    "model": "model", "served_model_name": "served_model_name", "max_num_seqs": "traffic.concurrency",
    "data_parallel_size": "engine.workers", "tensor_parallel_size": "engine.tensor_parallel_size",
    "pipeline_parallel_size": "engine.pipeline_parallel_size", "max_model_len": "engine.max_model_len",
    "dtype": "engine.dtype", "reasoning_parser": "engine.reasoning_parser",
    "enable_lora": "lora",
}  # fmt: skip
"""Of vLLM's engine arguments, those that have a setting of their own."""
ORIGIN = re.compile(r"(?!http://.*:80$|https://.*:443$)[a-z][a-z0-9+.-]*://[^\sA-Z/?#@*,\\]+")


class Traffic(Section):
    """How much is let in, and for how long."""

    concurrency: int | None = Field(default=None, ge=1)
    """Sequences that run at once, over all workers together: the batch size. Unset: the engine's default."""
    max_concurrency: int | None = Field(default=None, ge=1)
    """Sequences that may be inside, running and waiting; one more is refused with 429. Unset: no limit."""
    max_waiting_tokens: int | None = Field(default=None, ge=1)
    """Prompt tokens inside that the engine has not begun to answer; a prompt too many is refused. Unset: no limit."""
    queue_timeout: float | None = Field(default=45, gt=0)
    """Seconds that a request waits for its turn at most; one that would wait longer is refused at once. No byte is sent
    meanwhile, and proxies give up after 50 or 60 s: more is for where those in between are known to be patient."""
    first_token_timeout: float | None = Field(default=None, gt=0)
    """Seconds from a request's turn to its first token. Unset: no limit of its own."""
    stall_timeout: float | None = Field(default=60, gt=0)
    """Seconds from one token to the next."""
    send_timeout: float | None = Field(default=60, gt=0, le=1_000_000)
    """Seconds in which a client has to take something of its answer, once the buffers in between are full. Its own
    kernel takes some 130 KB ahead, and more only when those are read: at 3 KB/s that is every 45 s."""
    timeout: float = Field(default=600, gt=0)
    """Seconds, a request's whole life."""
    enforce: bool = True
    """false: what would be refused is counted and let in."""
    drain_timeout: float = Field(default=25, ge=0)
    """Seconds from SIGTERM to the end of the process. Running requests may finish until 6 s before it."""

    @model_validator(mode="after")
    def room_for_the_batch(self) -> Self:
        if self.concurrency and self.max_concurrency and self.max_concurrency < self.concurrency:
            raise Mistake(
                f"{self.max_concurrency} is smaller than traffic.concurrency ({self.concurrency})",
                "max_concurrency",
                works=self.concurrency,
            )
        return self


class EngineSettings(Section):
    """What vLLM is started with."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs. auto: on an NVIDIA GPU if there is one."""
    workers: int = Field(default=1, ge=1)
    """Data-parallel replicas (vLLM's data_parallel_size)."""
    tensor_parallel_size: int = Field(default=1, ge=1)
    """Devices that share each layer of a replica."""
    pipeline_parallel_size: int = Field(default=1, ge=1)
    """Groups of devices that hold a replica's layers one after the other."""
    max_model_len: int | None = Field(default=None, ge=1)
    """Longest sequence, prompt and answer together, in tokens. Unset: the model's own."""
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] = "auto"
    """The weights' and activations' type."""
    output_path: Literal["auto", "direct", "public"] = "auto"
    """The way out of vLLM. direct: its private API, which is faster. auto: direct, if it fits vLLM's version."""
    stall_timeout: float = Field(default=30, gt=0)
    """Seconds without a step, with work to do, after which requests are refused until the engine makes one."""
    on_death: Literal["recover", "exit"] = "recover"
    """What happens when the engine dies or hangs. recover: it is started again, and streams go on. exit: the server
    ends, with status 1."""
    restarts: int = Field(default=5, ge=1)
    """Starts within ten minutes after which an engine that dies is not started again."""
    spare: bool = False
    """A second engine, loaded beside the first, takes over when that dies: in seconds, and for twice the memory."""
    special_tokens_in_text: Literal["text", "token"] = "text"
    """Special tokens in what a user, a system or a tool says. text: they open no turn. token: they do, as in vLLM."""
    tool_call_parser: str | None = None
    """vLLM's parser of the model's tool calls, such as hermes. Unset: what is known of the model, else tools are
    refused."""
    reasoning_parser: str | None = None
    """vLLM's parser of the model's reasoning, such as qwen3. Unset: what is known of the model, else it is all text."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Any other vLLM engine argument, by its own name (vLLM's AsyncEngineArgs)."""

    @field_validator("extra")
    @classmethod
    def not_ours(cls, extra: dict[str, Any]) -> dict[str, Any]:
        """An argument that has a setting of its own would be set twice."""
        for key in extra:
            if key in SETTINGS_OF_ARGUMENTS:
                raise Mistake(f"it is set by {SETTINGS_OF_ARGUMENTS[key]}", key)
        return extra

    @property
    def devices(self) -> int:
        """Devices that all workers take together."""
        return self.workers * self.tensor_parallel_size * self.pipeline_parallel_size


def yaml_off(value: object) -> object:
    """YAML reads `off` as false."""
    return "off" if value is False else value


def origin(text: str) -> str:
    """As browsers tell it, or it would never be met."""
    if text not in {"*", "null"} and not ORIGIN.fullmatch(text):
        raise ValueError('an origin is scheme://host, or scheme://host:port if that is not the scheme\'s own; or "*"')
    return text


class Http(Section):
    """Where and how the server listens."""

    host: str = Field(default="127.0.0.1", max_length=253)
    """Address to listen on."""
    port: int = Field(default=8000, ge=0, le=65535)
    """TCP port; 0 takes a free one."""
    allow_anonymous: bool = False
    """Listen beyond loopback although there are no tenants: whoever can reach the port can use the model."""
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1)
    """Longest request body, in bytes; a longer one is refused with 413."""
    accelerate: bool = True
    """false: requests that generate go through ASGI, too, as they do under any other server."""
    body_timeout: float = Field(default=30, gt=0)
    """Seconds in which a request's body has to arrive; else 408."""
    header_timeout: float = Field(default=10, gt=0)
    """Seconds in which a request's headers have to arrive, the first ones from when the connection is open."""
    keep_alive_timeout: float = Field(default=75, gt=0)
    """Seconds that a connection stays open between two requests; more than what proxies in front leave theirs."""
    max_connections: int | None = Field(default=None, ge=1)
    """Connections at once; one more closes the one that has been idle longest. Unset: near the limit on open files."""
    cors_origins: list[Annotated[str, AfterValidator(origin)]] = Field(default_factory=list)
    """Sites whose pages may use the server from a browser, such as https://chat.example; "*" is any. None: no page."""
    strict_fields: bool = False
    """true: a field that nobody knows is refused, as by OpenAI. false: it is ignored, and told in a header."""
    access_log: Annotated[Literal["off", "json"], BeforeValidator(yaml_off)] = "off"
    """json: a line for each request on stdout, without prompts, answers and keys."""

    @field_validator("host")
    @classmethod
    def one_that_can_be(cls, host: str) -> str:
        """Python's resolver raises a UnicodeError, or worse, for the others."""
        with suppress(UnicodeError):
            host.encode("idna")
            if host.isprintable():
                return host
        raise ValueError("it is neither an address nor a name")

    @property
    def is_loopback(self) -> bool:
        """Only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class Streaming(Section):
    """How answers are streamed."""

    coalesce: Annotated[Literal["off", "auto"], BeforeValidator(yaml_off)] = "off"
    """off: an event a token. auto: when the server falls behind, a token may wait 5 ms for others in its event."""
    reasoning_field: Literal["reasoning", "reasoning_content", "both"] = "both"
    """What reasoning is called in chat answers: clients look for the one or the other."""


class Settings(Section):
    """Everything that `sluice serve` can be told."""

    model: str = Field(default="demo", min_length=1)
    """`demo` (the embedded model), a local folder, or a Hugging Face id."""
    served_model_name: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    """Names that clients may ask for; the first one is told. Default: the model's own name."""
    traffic: Traffic = Field(default_factory=Traffic)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    http: Http = Field(default_factory=Http)
    streaming: Streaming = Field(default_factory=Streaming)
    tenants: Annotated[list[Tenant], AfterValidator(check_distinct)] = Field(default_factory=list)
    """Who may use the model, by their keys. None: everyone may, as `anonymous`."""
    operators: Operators = Field(default_factory=Operators)
    lora: list[Adapter] = Field(default_factory=list)
    """LoRA adapters, each served as a model of its own."""

    @field_validator("served_model_name", mode="before")
    @classmethod
    def one_or_many(cls, names: object) -> object:
        return [names] if isinstance(names, str) else names

    @field_validator("served_model_name")
    @classmethod
    def each_once(cls, names: list[str]) -> list[str]:
        for number, name in enumerate(names):
            if name in names[:number]:
                raise Mistake("the same name as one before it", str(number))
        return names

    @model_validator(mode="after")
    def not_open_to_all_by_mistake(self) -> Self:
        if self.is_open_to_all:
            raise Mistake(
                f"{self.http.host} is beyond loopback, and without tenants anyone could use the model: set tenants "
                "(`sluice keys new` makes a key), or http.allow_anonymous: true",
                "http",
                "host",
                works="127.0.0.1",
            )
        return self

    @model_validator(mode="after")
    def adapters_have_names_of_their_own(self) -> Self:
        check_names(self.lora, self.names)
        return self

    @property
    def is_open_to_all(self) -> bool:
        """Whoever can reach the machine could use the model, and nobody has said that they may."""
        return not (self.http.is_loopback or self.tenants or self.http.allow_anonymous)

    @property
    def names(self) -> list[str]:
        """What clients may write in `model`, the first one being the name that is told."""
        return self.served_model_name or [self.model]

    @property
    def parsers(self) -> tuple[str | None, str | None]:
        """vLLM's names for what reads tool calls, and reasoning; None where nothing does."""
        known = ("hermes", "deepseek_r1") if self.model == "demo" else (None, None)
        return self.engine.tool_call_parser or known[0], self.engine.reasoning_parser or known[1]

    @property
    def model_path(self) -> str:
        """What vLLM is told to load."""
        return str(DEMO) if self.model == "demo" else expanduser(self.model)
