"""A tenant's own limits: what is refused has taken nothing."""

from typing import Any

import pytest

from sluice.admission.account import Account, duration
from sluice.admission.controller import AdmissionController
from sluice.errors import InvalidRequest, RateLimited
from sluice.settings import Tenant, Traffic
from tests.admission.clock import Clock
from tests.admission.tickets import admitted


def tenant(**limits: Any) -> Tenant:
    return Tenant(name="a", keys=["env:A"], **limits)


def admit(account: Account) -> None:
    account.check_seats(1)
    account.check_request()
    account.seats.take(1)
    account.take_request()


def take_seats(account: Account, seats: int) -> None:
    account.check_seats(seats)
    account.seats.take(seats)


def take_tokens(account: Account, tokens: int) -> None:
    account.check_tokens(tokens)
    account.take_tokens(tokens)


def test_without_limits_nothing_is_refused_or_told() -> None:
    account = Account(tenant(), Clock())
    for _ in range(1000):
        admit(account)
        take_tokens(account, 10**9)
    assert account.headers() == {}
    assert account.seats.taken == 1000


def test_its_own_seats() -> None:
    account = Account(tenant(max_concurrency=3, requests_per_minute=10), Clock())
    admit(account)
    take_seats(account, 1)
    with pytest.raises(RateLimited):
        take_seats(account, 2)
    admit(account)
    with pytest.raises(RateLimited) as refusal:
        admit(account)
    assert (refusal.value.code, refusal.value.retry_after) == ("max_concurrency", 1)
    assert account.headers()["x-ratelimit-remaining-requests"] == "8"  # the refused one does not count
    account.seats.give_back(3)
    admit(account)


def test_requests_a_minute() -> None:
    clock = Clock()
    account = Account(tenant(max_concurrency=100, requests_per_minute=6), clock)
    for _ in range(6):
        admit(account)
    clock.now += 0.5
    with pytest.raises(RateLimited) as refusal:
        admit(account)
    assert (refusal.value.code, refusal.value.retry_after) == ("requests_per_minute", 10)
    assert account.seats.taken == 6
    clock.now += refusal.value.retry_after or 0
    admit(account)


def test_tokens_a_minute_and_the_unused_ones_given_back() -> None:
    clock = Clock()
    account = Account(tenant(tokens_per_minute=600), clock)
    assert account.tokens
    take_tokens(account, 500)
    with pytest.raises(RateLimited) as refusal:
        take_tokens(account, 125)
    assert (refusal.value.code, refusal.value.retry_after) == ("tokens_per_minute", 3)
    assert account.headers()["x-ratelimit-remaining-tokens"] == "100"
    account.tokens.give_back(400)
    take_tokens(account, 500)
    clock.now += 60
    account.tokens.give_back(400)
    assert account.headers()["x-ratelimit-remaining-tokens"] == "600"


async def test_tokens_go_back_to_the_bucket_they_came_from() -> None:
    """Who came when there was no limit, gives nothing to the bucket that has come since."""
    account, controller = Account(tenant(), Clock()), AdmissionController(Traffic())
    with admitted(controller, account) as ticket:
        controller.take_tokens(ticket, 10, 1000)
        account.update(tenant(tokens_per_minute=600))
        take_tokens(account, 600)
    assert account.headers()["x-ratelimit-remaining-tokens"] == "0"


def test_what_can_never_be_had_is_the_requests_own_mistake() -> None:
    account = Account(tenant(tokens_per_minute=600), Clock())
    with pytest.raises(InvalidRequest, match=r"601 tokens.*600 a minute") as refusal:
        take_tokens(account, 601)
    assert (refusal.value.param, refusal.value.code) == ("max_tokens", "tokens_per_minute")
    take_tokens(account, 600)


def test_the_headers_are_openais() -> None:
    clock = Clock()
    account = Account(tenant(requests_per_minute=60, tokens_per_minute=60_000), clock)
    admit(account)
    take_tokens(account, 20)
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
        admit(account)
    account.update(tenant(max_concurrency=2, requests_per_minute=20, tokens_per_minute=5))
    headers = account.headers()
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-limit-tokens"]) == ("20", "5")
    assert (headers["x-ratelimit-remaining-requests"], headers["x-ratelimit-remaining-tokens"]) == ("6", "5")
    account.seats.give_back(2)
    with pytest.raises(RateLimited):
        admit(account)
    account.seats.give_back(1)
    admit(account)
    account.update(tenant())
    assert account.headers() == {}
    account.seats.give_back(2)


def test_whose_class_it_is() -> None:
    account = Account(tenant(), Clock())
    assert [account.class_of(asked) for asked in (None, "interactive", "batch")] == [
        "interactive", "interactive", "batch",
    ]  # fmt: skip
    account.update(tenant(classes=["batch"]))
    assert [account.class_of(None), account.class_of("batch")] == ["batch", "batch"]
    account.update(tenant(classes=["interactive"]))
    with pytest.raises(InvalidRequest) as refusal:
        account.class_of("batch")
    assert refusal.value.param == "service_tier"
