"""Which pages of other sites may read the answers, as a browser asks for it."""

from collections.abc import Collection

Pairs = list[tuple[bytes, bytes]]
"""Headers, as in `base`, which builds on this."""

EXPOSED = ", ".join((
    "retry-after", "retry-after-ms", "x-request-id", "request-id", "x-sluice-ignored",
    *(f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset") for kind in ("requests", "tokens")),
)).encode()  # fmt: skip
"""What a page may read beside what it may always: one with a wildcard would be of no use to some browsers."""
PREFLIGHT_AGE_S = 600
VARIES = (b"vary", b"origin")


class Cors:
    """Both transports have it say what the headers of each answer are. `origins`: those of the pages; `*` is any.

    Cookies are none of ours, so no page may send them.
    """

    def __init__(self, origins: Collection[str] = ()) -> None:
        self.origins = frozenset(origin.encode() for origin in origins)

    def allowed(self, headers: Pairs) -> bytes | None:
        """The origin that a request is to be answered for; None if it has none that may read."""
        for name, value in headers:
            if name == b"origin":
                return b"*" if b"*" in self.origins else value if value in self.origins else None
        return None

    def headers(self, headers: Pairs) -> Pairs:
        """Of the answer to a request with these headers, whatever it is."""
        if not self.origins:
            return []
        origin = self.allowed(headers)
        if origin is None:
            return [VARIES]
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED), VARIES]

    def preflight(self, method: str, headers: Pairs) -> Pairs | None:
        """What the browser is told that asks before a page's request; None if it does not, or may not.

        The page may send what headers it likes: it is the origin that is trusted, or not.
        """
        asked = dict(headers)
        if method != "OPTIONS" or b"access-control-request-method" not in asked or self.allowed(headers) is None:
            return None
        return [
            (b"access-control-allow-methods", b"GET, HEAD, POST"),
            (b"access-control-allow-headers", asked.get(b"access-control-request-headers", b"")),
            (b"access-control-max-age", b"%d" % PREFLIGHT_AGE_S),
        ]
