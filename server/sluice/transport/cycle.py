"""A request and its answer over ASGI, as uvicorn has them."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class OldCycle(RequestResponseCycle):
    """Of HTTP/1.0: what has no length ends with the connection."""

    is_open_ended = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.is_open_ended = b"content-length" not in dict(message.get("headers", ()))
            if self.is_open_ended:
                self.chunked_encoding = False
        elif self.is_open_ended:
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)
