"""The page in a real browser: what a person sees of the server, and does with it."""

import asyncio
import re
import signal
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.conftest import Serve
from tests.fake import FakeEngine
from tests.page.browser import NARROW, WIDE, needs_chromium, opened
from tests.test_lifecycle import counting, serve_fake

pytestmark = needs_chromium


async def reddish(page: Page, figure: str) -> int:
    """How many pixels of a plot have the color of refusals."""
    return int(await page.locator(f"#figure-{figure} canvas").evaluate(
        "canvas => { const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
        " let found = 0; for (let at = 0; at < data.length; at += 4)"
        " found += data[at] > 150 && data[at + 1] < 90 && data[at + 2] < 90 && data[at + 3] > 200; return found }"
    ))  # fmt: skip


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_it_loads_and_shows_the_seats(serve: Serve, browser: Browser, size: tuple[int, int]) -> None:
    async with (
        serve(FakeEngine(), concurrency=4, max_concurrency=10) as server,
        opened(browser, server.url, size) as page,
    ):
        await expect(page.locator("#phase")).to_have_text("Ready")
        await expect(page.locator(".seats rect")).to_have_count(10)
        await expect(page.get_by_role("img", name="0 inside of 10 seats")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == size[0]


async def test_a_burst_shows_up(serve: Serve, browser: Browser) -> None:
    async with serve(FakeEngine(0.02), concurrency=2, max_concurrency=5) as server:
        async with opened(browser, server.url) as page, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            await expect(page.locator("#figure-refusals .plot")).to_have_attribute("aria-label", re.compile("none"))
            asking = asyncio.gather(*(client.post("/v1/chat/completions", json=counting(80)) for _ in range(8)))
            await expect(page.locator(".seats .run")).to_have_count(2)
            await expect(page.locator(".seats .interactive")).to_have_count(3)
            await expect(page.locator(".limit.full")).to_have_count(1)
            await expect(page.locator("#waiting-more")).to_have_text(re.compile("^3 interactive; the oldest"))
            statuses = sorted([answer.status_code for answer in await asking])
            assert statuses == [200] * 5 + [429] * 3
            await expect(page.locator("#refused-more")).to_have_text("3 so far by max_concurrency")
        async with opened(browser, server.url) as page:  # who comes later sees it, too
            told = re.compile(r"waiting \d now, 3 at most; running \d now, 2 at most")
            await expect(page.locator("#figure-seats .plot")).to_have_attribute("aria-label", told)
            await expect(page.locator("#figure-refusals .value")).to_contain_text(["max concurrency"])
            assert await reddish(page, "refusals") > 20
            assert await reddish(page, "tokens") == 0


async def test_loading_and_its_failure_are_told_with_the_reason(browser: Browser) -> None:
    reason = "The model x cannot be loaded: <b>it</b> is not there."
    async with serve_fake({"waits": True, "failure": reason}) as server:
        page = await browser.new_page()
        await page.goto(server.url)
        await expect(page.get_by_role("heading", name="Loading the model")).to_be_visible()
        await expect(page.locator("#stages li[aria-current=step]")).to_contain_text("pretending")
        await expect(page.locator("#eta")).to_contain_text("so far")
        await expect(page.get_by_role("button", name="Send")).to_be_disabled()
        server.send(signal.SIGUSR2)
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("The model cannot be loaded")
        await expect(alert).to_contain_text(reason)
        assert await server.exit_code(within=5) == 1
        await expect(alert).to_contain_text("The server has ended.")
        await expect(alert).to_contain_text(reason)
        await page.close()


async def test_a_recovery_and_a_drain_are_told(serve: Serve, browser: Browser) -> None:
    engine = FakeEngine(0.01)
    async with serve(engine, concurrency=2) as server, opened(browser, server.url) as page:
        await expect(page.locator("#phase")).to_have_text("Ready")
        engine.loaded.clear()
        engine.die()
        await expect(page.get_by_role("alert")).to_contain_text("The engine has died.")
        await expect(page.get_by_role("heading", name="Starting the engine again")).to_be_visible()
        engine.loaded.set()
        await expect(page.locator("#phase")).to_have_text("Ready")
        await expect(page.get_by_role("alert")).to_be_hidden()
        await expect(page.locator("#counts")).to_contain_text("engine restarts")


async def test_nothing_that_can_be_used_lacks_a_name(serve: Serve, browser: Browser) -> None:
    async with serve(FakeEngine(), concurrency=4) as server, opened(browser, server.url) as page:
        await expect(page.locator("#phase")).to_have_text("Ready")
        nameless: list[Any] = await page.evaluate(
            "[...document.querySelectorAll('input, textarea, select, button, [role=img]')].filter(node =>"
            " !(node.labels?.length || node.textContent.trim() || node.ariaLabel)).map(node => node.id)"
        )
        assert nameless == []
