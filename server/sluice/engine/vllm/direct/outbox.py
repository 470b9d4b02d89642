"""What goes to vLLM's engine: requests and aborts, a few together."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from sluice.engine.vllm.direct.socket import run_now

if TYPE_CHECKING:
    from vllm.v1.engine.core_client import AsyncMPClient

FEW_MESSAGES = 8
"""Messages for the engine that may wait for each other; with more, the engine would idle until all have been made."""
Failed = Callable[[Exception], None]


class Outbox:
    """Each message by itself would wake zmq's thread, which would take the processor."""

    def __init__(self, core: "AsyncMPClient") -> None:
        self.core = core
        self.unsent: list[tuple[Coroutine[Any, Any, None], Failed | None]] = []

    def tell(self, message: Coroutine[Any, Any, None], failed: Failed | None = None) -> None:
        """Send it in the event loop's next turn at the latest; `failed` hears why it could not be sent."""
        if not self.unsent:
            asyncio.get_running_loop().call_soon(self.send_all)
        self.unsent.append((message, failed))
        if len(self.unsent) == FEW_MESSAGES:
            self.send_all()

    def send_all(self) -> None:
        """There is always room for them: vLLM sets no limit."""
        messages, self.unsent = self.unsent, []
        for message, failed in messages:
            try:
                run_now(message)
            except Exception as error:
                if failed is not None:
                    failed(error)
                elif not self.core.resources.engine_dead:  # a dead one says so in its own way
                    context = {"message": "The engine was not told", "exception": error}
                    asyncio.get_running_loop().call_exception_handler(context)
