"""The live page at `/`. It loads for anyone; what it shows takes an operator's key, where there are keys."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from sluice.api.auth import Auth
from sluice.errors import NotFound, quoted
from sluice.page import INDEX, Asset, assets

POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
))  # fmt: skip
"""Nothing inline, nothing from elsewhere, nobody's frame, and no text of anybody's becomes markup."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


def page(auth: Auth) -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[Depends(auth.anyone)])

    @router.get("/")
    async def index(request: Request) -> Response:
        return answer(request, assets()[INDEX])

    @router.get("/page/{path:path}")
    async def asset(request: Request, path: str) -> Response:
        found = assets().get(path)
        if found is None:
            raise NotFound(f"The page has no {quoted(path)}.", code="not_found")
        return answer(request, found)

    return router


def answer(request: Request, asset: Asset) -> Response:
    """Nothing but 304, if the browser has it."""
    headers = HEADERS | {"etag": asset.etag}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)
