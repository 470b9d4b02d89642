"""`/tokenize` and `/detokenize`: they take no seat, and hold up nobody."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import TypeVar

from sluice.admission import AdmissionController, Tenants
from sluice.api.auth import api_key
from sluice.api.body import read_body
from sluice.api.content import check_content
from sluice.api.errors import internal_error, no_model, to_reply
from sluice.api.intake import reply
from sluice.engine.base import Engine, ModelInfo
from sluice.errors import RequestError
from sluice.openai.tokenizing import Detokenized, DetokenizeRequest, Tokenized, TokenizeRequest
from sluice.settings import Http
from sluice.transport.base import Connection, encode
from sluice.wire.answer import Answer
from sluice.wire.body import WireModel
from sluice.wire.structure import SHORT_BODY_BYTES

Body = TypeVar("Body", bound=WireModel)
LONG_AT_ONCE = 2
"""Long bodies that are worked on: prompts that are to be answered need threads, too."""
SHORT_TOKENS = 10_000
"""Those up to which an answer is written on the event loop."""
BODIES: dict[str, tuple[type[WireModel], str]] = {
    "/tokenize": (TokenizeRequest, "The tokens of a text, or of a conversation as the chat template writes it."),
    "/detokenize": (DetokenizeRequest, "The text of tokens."),
}
"""Of each path, and what it is for."""


class Tokenizing:
    """The Entrance of both."""

    def __init__(
        self, engine: Engine, names: Sequence[str], *, controller: AdmissionController, tenants: Tenants, http: Http,
        require_ready: Callable[[], ModelInfo],
    ) -> None:  # fmt: skip
        self.engine, self.names, self.controller, self.tenants, self.http = engine, names, controller, tenants, http
        self.require_ready = require_ready
        self.work: dict[str, Callable[[bytes], Awaitable[bytes]]] = {
            "/tokenize": self.tokenize, "/detokenize": self.detokenize
        }  # fmt: skip
        self.long = asyncio.Semaphore(LONG_AT_ONCE)

    @property
    def send_timeout(self) -> float | None:
        return self.controller.traffic.send_timeout

    def enter(self, path: str, connection: Connection) -> "Asked | None":
        try:
            connection.record.tenant = self.tenants.identify(api_key(connection.headers)).name
            packed = check_content(connection.headers)
            self.require_ready()
        except RequestError as error:
            reply(connection, to_reply(error))
            return None
        return Asked(self, connection, packed, self.work[path])

    async def tokenize(self, body: bytes) -> bytes:
        asked = await read(TokenizeRequest, body)
        self.check_model(asked.model)
        tokens = await self.engine.tokenize(asked.to_prompt(), asked.adds_special_tokens)
        strings = await self.engine.token_strings(tokens) if asked.return_token_strs else None
        return await written(Tokenized(len(tokens), self.require_ready().max_model_len, tokens, strings), len(tokens))

    async def detokenize(self, body: bytes) -> bytes:
        asked = await read(DetokenizeRequest, body)
        self.check_model(asked.model)
        return await written(Detokenized(await self.engine.detokenize(asked.tokens)), len(asked.tokens))

    def check_model(self, name: str | None) -> None:
        """Raises NotFound."""
        if name is not None and name not in self.names:
            raise no_model(name, self.names)


class Asked:
    """The Exchange of one request."""

    def __init__(
        self, tokenizing: Tokenizing, connection: Connection, packed: bytes, work: Callable[[bytes], Awaitable[bytes]]
    ) -> None:
        self.tokenizing, self.connection, self.packed, self.work = tokenizing, connection, packed, work

    async def serve(self) -> None:
        tokenizing = self.tokenizing
        try:
            body = await read_body(self.connection, self.packed, tokenizing.http, tokenizing.controller.is_full)
            async with nullcontext() if len(body) <= SHORT_BODY_BYTES else tokenizing.long:
                answer = await self.work(body)
            self.connection.answer(200, encode({"content-type": "application/json"}), answer)
        except RequestError as error:
            reply(self.connection, to_reply(error))
        except Exception:  # ours: the client gets an error object, and the server's log the traceback
            reply(self.connection, internal_error())
            raise

    def leave(self) -> None:
        """It holds nothing."""


async def read(kind: type[Body], body: bytes) -> Body:
    """On a thread, if it may take long. Raises InvalidRequest."""
    return kind.parse(body) if len(body) <= SHORT_BODY_BYTES else await asyncio.to_thread(kind.parse, body)


async def written(answer: Answer, tokens: int) -> bytes:
    """The same."""
    return answer.encode() if tokens <= SHORT_TOKENS else await asyncio.to_thread(answer.encode)
