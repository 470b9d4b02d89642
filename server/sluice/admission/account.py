"""What one tenant holds while the server runs."""

import math
from collections.abc import Callable
from typing import NoReturn

from sluice.admission.entry import SequenceSpec
from sluice.admission.limit import Limit
from sluice.admission.rate import Rate
from sluice.errors import InvalidRequest, RateLimited
from sluice.settings import RequestClass, Tenant
from sluice.settings.tenants import ANONYMOUS


class Account:
    """A tenant's seats and its two buckets, `requests` and `tokens`; None where there is no such limit.

    Nothing here awaits, so between a `check` and a `take` nobody else can come. Seats are given back; and
    a ticket gives tokens back to the bucket that they were taken from.
    """

    def __init__(self, settings: Tenant, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.clock = clock
        self.seats = Limit(settings.max_concurrency)
        self.requests = self.resized(None, settings.requests_per_minute)
        self.tokens = self.resized(None, settings.tokens_per_minute)

    @property
    def name(self) -> str:
        return self.settings.name

    def cache_salt(self, asked: str | None) -> str | None:
        """So that nobody else's prompts share what is cached of its own, be the salt that it asks for the same."""
        return asked if self.name == ANONYMOUS else f"{self.name}\n{asked or ''}"

    def update(self, settings: Tenant) -> None:
        """Go by other settings from now on; what is taken stays taken."""
        self.settings = settings
        self.seats.capacity = settings.max_concurrency
        self.requests = self.resized(self.requests, settings.requests_per_minute)
        self.tokens = self.resized(self.tokens, settings.tokens_per_minute)

    def resized(self, rate: Rate | None, per_minute: int | None) -> Rate | None:
        if per_minute is None:
            return None
        if rate is None:
            return Rate(per_minute, self.clock)
        rate.resize(per_minute)
        return rate

    def check_seats(self, seats: int) -> None:
        """Raises RateLimited if it may not have so many more."""
        if not self.seats.has_room(seats):
            self.refuse("max_concurrency", self.seats.capacity, 1)

    def check_request(self) -> None:
        """Raises RateLimited if this minute's requests are used up."""
        if self.requests and not self.requests.holds(1):
            self.refuse("requests_per_minute", self.requests.capacity, self.requests.wait_for(1))

    def check_tokens(self, tokens: int) -> None:
        """`tokens`: what a request may use at most. Raises RateLimited, or InvalidRequest if waiting cannot help."""
        if self.tokens is None:
            return
        if tokens > self.tokens.capacity:
            raise InvalidRequest(
                f"Prompt and answer may come to {tokens} tokens; tenant {self.name} has {self.tokens.capacity} "
                "a minute (tokens_per_minute). Ask for fewer with max_tokens, or shorten the prompt.",
                code="tokens_per_minute",
                param="max_tokens",
            )
        if not self.tokens.holds(tokens):
            self.refuse("tokens_per_minute", self.tokens.capacity, self.tokens.wait_for(tokens))

    def take_request(self) -> None:
        if self.requests:
            self.requests.take(1)

    def take_tokens(self, tokens: int) -> None:
        if self.tokens:
            self.tokens.take(tokens)

    def spec(self, request_class: RequestClass, prompt_tokens: int) -> SequenceSpec:
        """What the queue is told of a sequence of this tenant."""
        return SequenceSpec(self.name, self.settings.weight, request_class, prompt_tokens)

    def class_of(self, asked: RequestClass | None) -> RequestClass:
        """The class of a request that asks for this one. Raises InvalidRequest if the tenant may not."""
        allowed = self.settings.classes
        if asked is None:
            return "interactive" if "interactive" in allowed else "batch"
        if asked not in allowed:
            raise InvalidRequest(
                f"Tenant {self.name} may not send {asked} requests (its classes).", param="service_tier"
            )
        return asked

    def refuse(self, limit: str, value: int | None, wait: float) -> NoReturn:
        """`wait` is in seconds."""
        raise RateLimited(
            f"Tenant {self.name} has reached its {limit} ({value}). Try again later.",
            code=limit,
            retry_after=max(1, math.ceil(round(wait, 3))),
        )

    def headers(self) -> dict[str, str]:
        """OpenAI's `x-ratelimit-*`, for the limits that are set."""
        out = {}
        for kind, rate in (("requests", self.requests), ("tokens", self.tokens)):
            if rate:
                out[f"x-ratelimit-limit-{kind}"] = str(rate.capacity)
                out[f"x-ratelimit-remaining-{kind}"] = str(rate.remaining)
                out[f"x-ratelimit-reset-{kind}"] = duration(rate.reset_after)
        return out


def duration(seconds: float) -> str:
    """As OpenAI writes it: `0s`, `20ms`, `8.64s`, `6m0s`."""
    milliseconds = math.ceil(round(seconds * 1000, 3))
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}m{rest / 1000:g}s" if minutes else f"{rest / 1000:g}s"
