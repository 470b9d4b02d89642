"""What an API is to the server: a path, how its bodies are read, and how its answers and errors are written.

An API is a folder with its wire models and their translation. The server knows it as an `Endpoint`, a request to it as
a `Call`, and a streamed answer as an `Encoder`; the rest of Sluice knows no API.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pydantic import BaseModel

from sluice.engine.base import Delta, GenerationRequest, Rendered, Task
from sluice.settings import RequestClass
from sluice.wire.collected import CollectedDeltas


class Problem(NamedTuple):
    """What a client is told of an error, before an API gives it a form. `type`, `param` and `code` are OpenAI's."""

    status: int
    type: str
    message: str
    param: str | None = None
    code: str | None = None


class About(NamedTuple):
    """What an answer tells of itself and of the server; `created` in seconds since 1970.

    `model`: the name that the client calls it by, or the first one if it gives none. `reasoning_fields`: the names
    under which reasoning goes out where the API has none of its own. `prompts`: as the engine has them.
    """

    id: str
    created: int
    model: str
    fingerprint: str
    reasoning_fields: tuple[str, ...]
    prompts: Sequence[Rendered] = ()


class Totals(NamedTuple):
    """Tokens of a request. Of the prompt's, `cached` were in the prefix cache, and `written` have been put into it.

    `reasoning`: of the completion's.
    """

    prompt: int
    completion: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0


class TextEvents(Protocol):
    """A Frame, or what counts its events or begins something with the first of them."""

    def fill(self, text: str) -> bytes:
        """The events for a delta that is only a text."""


class Encoder(Protocol):
    """Turns the deltas of one streamed answer into SSE events."""

    @property
    def frames(self) -> Sequence[TextEvents | None]:
        """Of each sequence, what makes an event of a delta that is only a text, as most are; None if it depends.

        It may be another one after each `delta`.
        """

    @property
    def thoughts(self) -> Sequence[TextEvents | None]:
        """The same for a delta that is only reasoning."""

    def first(self) -> bytes:
        """What is sent once the engine has accepted the request, before its first token."""

    def delta(self, index: int, delta: Delta) -> bytes:
        """The events for a delta of sequence `index`; none if it says nothing by itself, or is held back."""

    def last(self, totals: Totals) -> bytes:
        """Ends an answer that is complete."""

    def error(self, problem: Problem) -> bytes:
        """Ends an answer that is not."""


class Call(Protocol):
    """A body, parsed and valid. `request_class`: the one asked for; None leaves it to the tenant."""

    @property
    def model(self) -> str | None: ...

    @property
    def stream(self) -> bool: ...

    @property
    def ignored(self) -> tuple[str, ...]:
        """Where in the body there are fields that nobody knows."""

    @property
    def request_class(self) -> RequestClass | None: ...

    def to_generation(self, request_id: str) -> GenerationRequest: ...

    def encoder(self, about: About) -> Encoder:
        """For the streamed answer."""

    def collected(self) -> CollectedDeltas:
        """For the deltas of one sequence of an answer that is not streamed."""

    def whole(self, about: About, sequences: Sequence[CollectedDeltas], totals: Totals) -> Iterator[bytes | bytearray]:
        """That answer as JSON, in pieces; `sequences` in the order of their choices, all finished."""


@dataclass(frozen=True)
class Endpoint:
    """`id_prefix` begins the ids of its answers; `body` describes it to people; `parse` raises InvalidRequest.

    `task`: what the model has to be there for.
    """

    path: str
    summary: str
    id_prefix: str
    body: type[BaseModel]
    parse: Callable[[bytes], Call]
    encode_error: Callable[[Problem], bytes]
    task: Task = "generate"
