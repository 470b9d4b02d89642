"""What takes no seat, and holds up nobody: `/tokenize`, `/detokenize`, and the counting of a conversation's tokens."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from sluice.admission import AdmissionController, Tenants
from sluice.anthropic.messages.models import CountTokensRequest
from sluice.anthropic.messages.translation import MESSAGES
from sluice.api.answering import Answering
from sluice.api.auth import api_key
from sluice.api.body import parse, read_body
from sluice.api.content import check_content
from sluice.api.errors import Reply, form_at, internal_error, no_model, to_reply
from sluice.api.intake import reply
from sluice.engine.base import Engine, ModelInfo
from sluice.errors import RequestError
from sluice.openai.tokenizing import Detokenized, DetokenizeRequest, Tokenized, TokenizeRequest
from sluice.settings import Http
from sluice.transport.base import Connection
from sluice.transport.sse import to_json
from sluice.wire.answer import Answer
from sluice.wire.body import WireModel
from sluice.wire.structure import SHORT_BODY_BYTES

AT_ONCE = 2
"""Long bodies that are worked on, and as many others: prompts that are to be answered need threads, too."""
SHORT_TOKENS = 10_000
"""Those up to which an answer is written on the event loop."""
COUNTING = f"{MESSAGES.path}/count_tokens"
BODIES: dict[str, tuple[type[WireModel], str]] = {
    "/tokenize": (TokenizeRequest, "The tokens of a text, or of a conversation as the chat template writes it."),
    "/detokenize": (DetokenizeRequest, "The text of tokens."),
    COUNTING: (CountTokensRequest, "Anthropic's: the tokens of system, tools and messages, as the template has them."),
}
"""Of each path, and what it is for."""


class Asked(Protocol):
    """A body, valid in itself."""

    @property
    def model(self) -> str | None: ...

    @property
    def ignored(self) -> tuple[str, ...]: ...


class TokenRoutes:
    """The Entrance of them."""

    def __init__(
        self, engine: Engine, answering: Answering, *, controller: AdmissionController, tenants: Tenants, http: Http,
        require_ready: Callable[[], ModelInfo],
    ) -> None:  # fmt: skip
        self.engine, self.answering, self.controller = engine, answering, controller
        self.tenants, self.http, self.require_ready = tenants, http, require_ready
        self.work: dict[str, Callable[[bytes], Awaitable[Reply]]] = {
            "/tokenize": self.tokenize, "/detokenize": self.detokenize, COUNTING: self.count
        }  # fmt: skip
        self.long, self.short = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE)

    @property
    def send_timeout(self) -> float | None:
        return self.controller.traffic.send_timeout

    def enter(self, path: str, connection: Connection) -> "TokenExchange | None":
        try:
            connection.record.tenant = self.tenants.identify(api_key(connection.headers)).name
            packed = check_content(connection.headers)
            self.require_ready()
        except RequestError as error:
            reply(connection, to_reply(error, form_at(path)))
            return None
        return TokenExchange(self, connection, packed, path)

    async def tokenize(self, body: bytes) -> Reply:
        asked = await parse(TokenizeRequest.parse, body)
        headers = self.check(asked)
        tokens = await self.engine.tokenize(asked.prompted, asked.tokenizing)
        strings = await self.engine.token_strings(tokens) if asked.return_token_strs else None
        answer = Tokenized(len(tokens), self.require_ready().max_model_len, tokens, strings)
        return 200, headers, await written(answer, len(tokens))

    async def detokenize(self, body: bytes) -> Reply:
        asked = await parse(DetokenizeRequest.parse, body)
        headers = self.check(asked)
        return 200, headers, await written(Detokenized(await self.engine.detokenize(asked.tokens)), len(asked.tokens))

    async def count(self, body: bytes) -> Reply:
        asked = await parse(CountTokensRequest.parse, body)
        headers = self.check(asked)
        return 200, headers, to_json({"input_tokens": len(await self.engine.tokenize(asked.chat))})

    def check(self, asked: Asked) -> dict[str, str]:
        """The headers of the answer. Raises NotFound, and InvalidRequest for fields that nobody knows."""
        if asked.model is not None and asked.model not in self.answering.names:
            raise no_model(asked.model, self.answering.names)
        ignored = self.answering.tell_ignored(asked.ignored) if asked.ignored else {}
        return ignored | {"content-type": "application/json"}


class TokenExchange:
    """The Exchange of one request."""

    def __init__(self, routes: TokenRoutes, connection: Connection, packed: bytes, path: str) -> None:
        self.routes, self.connection, self.packed, self.path = routes, connection, packed, path

    async def serve(self) -> None:
        routes, encode_error = self.routes, form_at(self.path)
        try:
            body = await read_body(self.connection, self.packed, routes.http, routes.controller.is_full)
            async with routes.short if len(body) <= SHORT_BODY_BYTES else routes.long:
                reply(self.connection, await routes.work[self.path](body))
        except RequestError as error:
            reply(self.connection, to_reply(error, encode_error))
        except Exception:  # ours: the client gets an error object, and the server's log the traceback
            reply(self.connection, internal_error(encode_error))
            raise

    def leave(self) -> None:
        """It holds nothing."""


async def written(answer: Answer, tokens: int) -> bytes:
    """As JSON; on a thread, if it may take long."""
    return answer.encode() if tokens <= SHORT_TOKENS else await asyncio.to_thread(answer.encode)
