"""What each request over ASGI passes first: its id and record, CORS, one form of its path, and HEAD as GET."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sluice.transport.path import canonical_path
from sluice.transport.record import Records

RECORD = "sluice.record"
"""Where the scope has the request's Record."""


class Edge:
    """Around a whole application, so that its errors have an id, too. The server leaves out the body of a HEAD."""

    def __init__(self, app: ASGIApp, records: Records) -> None:
        self.app, self.records = app, records

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = self.records.open(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *record.headers]}
            await send(message)

        # A scope of its own: the server's says what was asked.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        inner = {**scope, "path": canonical_path(scope), "method": method, RECORD: record}
        told = self.records.cors.preflight(method, scope["headers"])
        try:
            if told is None:
                await self.app(inner, receive, answer)
            else:
                await answer({"type": "http.response.start", "status": 204, "headers": told})
                await answer({"type": "http.response.body"})
        finally:
            record.close()
