"""One client: it asks, reads the answer to its end, and tries again when it is told to."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random

from sluice.bench.connection import Pool, Unreachable
from sluice.bench.received import Received
from sluice.bench.record import Attempt, Request
from sluice.bench.retry import delay, is_retried


class Client:
    """`timeout` is in seconds, for one attempt."""

    def __init__(self, pool: Pool, timeout: float, clock: Callable[[], float], random: Random) -> None:
        self.pool, self.timeout, self.clock, self.random = pool, timeout, clock, random

    async def request(self, request: Request, message: bytes, due: float, retries: int, until: float) -> None:
        """Try until it is let in, `retries` more times at most; no attempt starts later than `until`."""
        for retry in range(retries + 1):
            attempt = Attempt(due)
            request.attempts.append(attempt)
            answer = await self.attempt(attempt, message)
            if not is_retried(attempt.status):
                return
            pause = delay(answer.headers, retry, self.random)
            if retry == retries or pause is None or (due := self.clock() + pause) > until:
                return
            await asyncio.sleep(pause)

    async def attempt(self, attempt: Attempt, message: bytes) -> Received:
        """Send the message, and write down what happens; a cancelled attempt stays `unfinished`."""
        answer = Received(self.clock)
        attempt.started = self.clock()
        attempt.token_times = answer.token_times
        try:
            async with asyncio.timeout(self.timeout):
                with suppress(ConnectionError):  # what has come decides
                    await self.pool.ask(message, answer)
            attempt.outcome = answer.outcome()
        except TimeoutError:
            attempt.outcome = "timed_out"
        except Unreachable:
            attempt.outcome = "unreachable"
        finally:
            attempt.ended = self.clock()
            attempt.status, attempt.tokens = answer.status, answer.tokens
        return answer
