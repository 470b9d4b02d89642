"""When a client tries again: as OpenAI's Python SDK does, but for a Retry-After that is a date."""

import math
from collections.abc import Mapping
from random import Random

FIRST, LONGEST, PATIENCE = 0.5, 8.0, 120.0
"""Seconds: the SDK's own first and longest delay, and the longest that it lets a server ask for."""


def is_retried(status: int) -> bool:
    return status in {408, 409, 429} or status >= 500


def delay(headers: Mapping[bytes, bytes], retries: int, random: Random) -> float | None:
    """Seconds until the next attempt, after so many retries; None: the server asks for too much patience."""
    asked = asked_for(headers)
    if asked is not None and PATIENCE < asked < math.inf:
        return None
    if asked is not None and 0 < asked <= PATIENCE:
        return asked
    return min(FIRST * 2.0 ** min(retries, 10), LONGEST) * (1 - 0.25 * random.random())


def asked_for(headers: Mapping[bytes, bytes]) -> float | None:
    for name, units in ((b"retry-after-ms", 1000), (b"retry-after", 1)):
        try:
            return float(headers[name]) / units
        except (KeyError, ValueError):
            continue
    return None
