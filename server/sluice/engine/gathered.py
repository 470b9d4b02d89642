"""A receiver for whoever wants an answer as a whole."""

import asyncio

from sluice.engine.base import Delta
from sluice.errors import RequestError


class Gathered:
    """Keeps the deltas that come. Awaiting `all()` gives them once the sequence has ended; raises why it failed."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def put(self, delta: Delta) -> None:
        self.deltas.append(delta)
        if delta.finish_reason is not None:
            self.ended.set_result(None)

    def fail(self, error: RequestError) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)

    async def all(self) -> list[Delta]:
        await self.ended
        return self.deltas
