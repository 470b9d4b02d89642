"""Where the server listens: which addresses a host stands for, and the URL that a person is told."""

import socket
from contextlib import ExitStack

import httpx
import pytest

from sluice.listeners import listen, where
from sluice.settings import Settings
from tests.process import started


def settings(host: str = "127.0.0.1") -> Settings:
    return Settings.model_validate({"http": {"host": host, "port": 0, "allow_anonymous": True}})


@pytest.mark.parametrize(
    ("host", "reached", "missed", "url"),
    [
        ("127.0.0.1", {"127.0.0.1"}, {"::1"}, "http://127.0.0.1"),
        ("0.0.0.0", {"127.0.0.1"}, {"::1"}, "http://127.0.0.1"),
        ("::", {"127.0.0.1", "::1"}, set[str](), "http://127.0.0.1"),
        ("::1", {"::1"}, {"127.0.0.1"}, "http://[::1]"),
        ("localhost", {"127.0.0.1"}, set[str](), "http://"),
    ],
)
def test_a_host_is_reached_where_it_should_be(host: str, reached: set[str], missed: set[str], url: str) -> None:
    with ExitStack() as opened:
        listeners = [opened.enter_context(listener) for listener in listen(settings(host))]
        (port,) = {listener.getsockname()[1] for listener in listeners}
        for address in reached:
            socket.create_connection((address, port), timeout=5).close()
        for address in missed:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address, port), timeout=5)
        assert where(listeners[0]).startswith(url)
        told = where(listeners[0]).removeprefix("http://").partition(" ")[0]
        address, _, told_port = told.rpartition(":")
        socket.create_connection((address.strip("[]"), int(told_port)), timeout=5).close()


def test_a_name_of_several_addresses_is_listened_to_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `localhost` is in most machines' files, and one that is not there is left out."""
    there = [(2, 1, 6, "", ("127.0.0.1", 0)), (10, 1, 6, "", ("::1", 0, 0, 0)), (2, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*there, (10, 1, 6, "", ("2001:db8::1", 0, 0, 0))])
    with ExitStack() as opened:
        listeners = [opened.enter_context(listener) for listener in listen(settings("localhost"))]
        assert [listener.getsockname()[0] for listener in listeners] == ["127.0.0.1", "::1"]
        assert len({listener.getsockname()[1] for listener in listeners}) == 1


def test_an_address_that_is_taken_or_not_there_is_an_error() -> None:
    (listener,) = listen(settings())
    taken = Settings.model_validate({"http": {"port": listener.getsockname()[1]}})
    with listener, pytest.raises(OSError, match="in use"):
        listen(taken)
    with pytest.raises(OSError, match="assign"):
        listen(settings("2001:db8::1"))


def test_without_ipv6_all_addresses_are_those_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    (listener,) = listen(settings("::"))
    with listener:
        assert listener.getsockname()[0] == "0.0.0.0"
        assert where(listener).endswith("(IPv4)")


async def test_the_url_that_is_told_can_be_asked() -> None:
    everywhere = '{"http.port": 0, "http.host": "::", "http.allow_anonymous": true}'
    async with started("tests.serve_fake", everywhere, "{}") as server, httpx.AsyncClient(timeout=60) as client:
        for url in (server.url, f"http://[::1]:{server.url.rpartition(':')[2]}"):
            assert (await client.get(f"{url}/livez")).status_code == 200
