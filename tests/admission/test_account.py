"""A tenant's own limits: what is refused has taken nothing."""

from typing import Any

import pytest

from server.admission.account import Account, duration
from server.errors import InvalidRequest, RateLimited
from server.settings import Tenant
from tests.admission.clock import Clock


def tenant(**limits: Any) -> Tenant:
    return Tenant(name="a", keys=["env:A"], **limits)


def test_without_limits_nothing_is_refused_or_told() -> None:
    account = Account(tenant(), Clock())
    for _ in range(1000):
        account.admit()
        account.take_tokens(10**9)
    account.give_back_tokens(10**9)
    assert account.headers() == {}
    assert account.seats.taken == 1000


def test_its_own_seats() -> None:
    account = Account(tenant(max_concurrency=3, requests_per_minute=10), Clock())
    account.admit()
    account.take_seats(1)
    with pytest.raises(RateLimited):
        account.take_seats(2)
    account.admit()
    with pytest.raises(RateLimited) as refusal:
        account.admit()
    assert (refusal.value.code, refusal.value.retry_after) == ("max_concurrency", 1)
    assert account.headers()["x-ratelimit-remaining-requests"] == "8"  # the refused one does not count
    account.give_back_seats(3)
    account.admit()


def test_requests_a_minute() -> None:
    clock = Clock()
    account = Account(tenant(max_concurrency=100, requests_per_minute=6), clock)
    for _ in range(6):
        account.admit()
    clock.now += 0.5
    with pytest.raises(RateLimited) as refusal:
        account.admit()
    assert (refusal.value.code, refusal.value.retry_after) == ("requests_per_minute", 10)
    assert account.seats.taken == 6
    clock.now += refusal.value.retry_after or 0
    account.admit()


def test_tokens_a_minute_and_the_unused_ones_given_back() -> None:
    clock = Clock()
    account = Account(tenant(tokens_per_minute=600), clock)
    account.take_tokens(500)
    with pytest.raises(RateLimited) as refusal:
        account.take_tokens(125)
    assert (refusal.value.code, refusal.value.retry_after) == ("tokens_per_minute", 3)
    assert account.headers()["x-ratelimit-remaining-tokens"] == "100"
    account.give_back_tokens(400)
    account.take_tokens(500)
    clock.now += 60
    account.give_back_tokens(400)
    assert account.headers()["x-ratelimit-remaining-tokens"] == "600"


def test_what_can_never_be_had_is_the_requests_own_mistake() -> None:
    account = Account(tenant(tokens_per_minute=600), Clock())
    with pytest.raises(InvalidRequest, match=r"601 tokens.*600 a minute") as refusal:
        account.take_tokens(601)
    assert (refusal.value.param, refusal.value.code) == ("max_tokens", "tokens_per_minute")
    account.take_tokens(600)


def test_the_headers_are_openais() -> None:
    clock = Clock()
    account = Account(tenant(requests_per_minute=60, tokens_per_minute=60_000), clock)
    account.admit()
    account.take_tokens(20)
    assert account.headers() == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "60000",
        "x-ratelimit-remaining-tokens": "59980",
        "x-ratelimit-reset-tokens": "20ms",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.0001, "1ms"), (0.02, "20ms"), (0.9999, "1s"), (1, "1s"), (8.64, "8.64s"), (59.999, "59.999s"),
     (59.9999, "1m0s"), (60, "1m0s"), (72.5, "1m12.5s"), (360, "6m0s")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_other_settings_keep_what_is_taken() -> None:
    account = Account(tenant(max_concurrency=4, requests_per_minute=10), Clock())
    for _ in range(4):
        account.admit()
    account.update(tenant(max_concurrency=2, requests_per_minute=20, tokens_per_minute=5))
    headers = account.headers()
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-limit-tokens"]) == ("20", "5")
    assert (headers["x-ratelimit-remaining-requests"], headers["x-ratelimit-remaining-tokens"]) == ("6", "5")
    account.give_back_seats(2)
    with pytest.raises(RateLimited):
        account.admit()
    account.give_back_seats(1)
    account.admit()
    account.update(tenant())
    assert account.headers() == {}
    account.give_back_seats(2)
