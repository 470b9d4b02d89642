"""The key, on every OpenAI route that has no seats to give."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sluice.admission import Tenants
from sluice.api.auth import api_key
from sluice.api.errors import to_reply, to_response
from sluice.errors import Unauthorized


class Gate:
    """Pure ASGI middleware, and the only one."""

    def __init__(self, app: ASGIApp, *, tenants: Tenants) -> None:
        self.app, self.tenants = app, tenants

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            try:
                self.tenants.identify(api_key(scope["headers"]))
            except Unauthorized as error:
                await to_response(to_reply(error))(scope, receive, send)
                return
        await self.app(scope, receive, send)
