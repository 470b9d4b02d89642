"""What will be measured."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Times in seconds. `keys` are the tenants' API keys; none: one tenant without a key."""

    multiples: Sequence[float]
    seconds: float
    clients: int
    saturation: float | None
    """Requests a second that count as 1×; None: what `clients` get finished."""
    model: str | None
    """None: the first that the server names."""
    prompt: str
    tokens: int
    retries: int
    timeout: float
    """For one attempt."""
    keys: Sequence[str]
