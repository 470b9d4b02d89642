"""Answers over HTTP/1.1 say that their connection ends: while the server drains, and after a fault of the server.

Clients go elsewhere then; and uvicorn closes the connection of an application that has raised, told or not.
"""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sluice.transport.base import FAULT

CLOSE = (b"connection", b"close")


class Closing:
    """ASGI middleware, for any server; the accelerator does it by itself."""

    def __init__(self, app: ASGIApp, is_draining: Callable[[], bool]) -> None:
        self.app, self.is_draining = app, is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def say(message: Message) -> None:
            if message["type"] == "http.response.start" and (message["status"] == FAULT or self.is_draining()):
                message["headers"] = [*message["headers"], CLOSE]
            await send(message)

        says = scope["type"] == "http" and scope["http_version"] in {"1.0", "1.1"}
        await self.app(scope, receive, say if says else send)
