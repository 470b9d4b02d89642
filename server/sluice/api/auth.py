"""Who may call a route, and the API key that a request carries."""

from collections.abc import Iterable

from starlette.requests import Request

from sluice.admission import Tenants
from sluice.transport.edge import RECORD


class Auth:
    """The rules, for FastAPI's `Depends`: every route declares one of them. Raise Unauthorized or Forbidden."""

    def __init__(self, tenants: Tenants) -> None:
        self.tenants = tenants

    async def anyone(self) -> None:
        """Whoever asks: no key is looked at."""

    async def tenant(self, request: Request) -> None:
        """Who has a tenant's key; anyone, where there are no tenants."""
        account = self.tenants.identify(api_key(request.scope["headers"]))
        request.scope[RECORD].tenant = account.name

    async def tenant_at_intake(self) -> None:
        """The same, where it is the intake that asks for the key."""

    async def operator(self, request: Request) -> None:
        """Who has an operator's key; anyone, where there are no keys at all."""
        self.tenants.require_operator(api_key(request.scope["headers"]))


def api_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """From `Authorization: Bearer KEY`, or else `x-api-key: KEY`; the headers are ASGI's, their names in lower case."""
    other = None
    for name, value in headers:
        scheme, _, credentials = value.strip().partition(b" ")
        if name == b"authorization" and scheme.lower() == b"bearer" and credentials.strip():
            return text(credentials)
        if name == b"x-api-key" and value.strip():
            other = other or text(value)
    return other


def text(value: bytes) -> str:
    return value.strip().decode(errors="surrogateescape")
