"""A server that answers at a URL, as the tests look at it."""

import asyncio
import hashlib
from typing import Any

import httpx

OPERATOR = {"Authorization": "Bearer sk-operator"}
"""What an operator sends."""
OPERATORS = {"operators": {"keys": [f"sha256:{hashlib.sha256(b'sk-operator').hexdigest()}"]}}
"""The settings of a server that knows it."""


class Served:
    """Asks as an operator, which a server that has no keys takes for anyone."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def status(self) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.url, timeout=60, headers=OPERATOR) as client:
            answer: dict[str, Any] = (await client.get("/status")).json()
            return answer

    async def has(self, within: float = 60, **numbers: int | str | dict[str, int]) -> None:
        """Wait until `/status` shows these numbers. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while True:
                status = await self.status()
                if numbers.items() <= status.items():
                    return
                await asyncio.sleep(0.01)
