"""The playground in a real browser: a chat with the model that this server serves."""

import asyncio
import json
import re
import sys

from playwright.async_api import Browser, Page, expect

from tests.api.test_rules import ADA
from tests.conftest import Serve, Started
from tests.fake import FakeEngine
from tests.page.browser import needs_chromium, opened
from tests.served import OPERATORS

pytestmark = needs_chromium
PACE = re.compile(r"^100 tokens, \d+ tokens/s, the first after \d+ ms$")
COUNTED = " ".join(map(str, range(1, 51)))


async def send(page: Page, message: str) -> None:
    await page.get_by_label("Message", exact=True).fill(message)
    await page.get_by_role("button", name="Send").click()


async def test_a_chat_streams_and_tells_its_pace(serve: Serve, browser: Browser) -> None:
    async with serve(FakeEngine(0.01), concurrency=4) as server, opened(browser, server.url) as page:
        await expect(page.get_by_role("button", name="Send")).to_be_enabled()
        await send(page, "Count from 1 to 50")
        answer = page.locator(".turn.assistant").first
        await expect(answer.locator(".text")).to_have_text(re.compile("^1 2 3"))
        await expect(answer.locator(".text")).to_have_text(COUNTED)
        await expect(answer.locator(".about")).to_have_text(PACE)
        await send(page, "Count from 1 to 3")
        await expect(page.locator(".turn.assistant .text").nth(1)).to_have_text(re.compile("1 2 3"))
        await expect(page.locator(".turn.user")).to_have_text([f"You: Count from 1 to {last}" for last in (50, 3)])


async def test_stop_aborts(serve: Serve, browser: Browser) -> None:
    async with serve(FakeEngine(0.02), concurrency=4) as server, opened(browser, server.url) as page:
        await expect(page.get_by_role("button", name="Send")).to_be_enabled()
        await send(page, "Count from 1 to 1000")
        await expect(page.locator(".turn .text").first).to_have_text(re.compile("^1 2 3"))
        await expect(page.locator(".seats .run")).to_have_count(1)
        await server.has(running=1)
        await page.get_by_role("button", name="Stop").click()
        await server.is_empty(within=5)
        assert (await server.status())["finished"]["aborted"] == 1
        await expect(page.locator(".turn .about")).to_have_text("stopped")
        await expect(page.get_by_role("button", name="Send")).to_be_visible()
        await expect(page.locator(".seats .run")).to_have_count(0)


async def test_with_tenants_it_asks_for_an_operators_key(serve: Serve, browser: Browser) -> None:
    async with serve(FakeEngine(), ADA | OPERATORS, concurrency=4) as server:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(server.url)
        await expect(page.get_by_label("Operator’s key")).to_be_focused()
        assert "ada" not in await page.content()
        await page.keyboard.type("sk-wrong")
        await page.keyboard.press("Enter")
        await expect(page.locator("#gate-why")).to_contain_text("not one of this server's")
        await page.get_by_label("Operator’s key").fill("sk-operator")
        await page.get_by_role("button", name="Watch").click()
        await expect(page.locator("#phase")).to_have_text("Ready")
        assert await page.evaluate("JSON.stringify({...sessionStorage})") == json.dumps(
            {"sluice.operator": "sk-operator"}, separators=(",", ":")
        )
        assert await page.evaluate("[localStorage.length, document.cookie].join()") == "0,"
        await send(page, "Count from 1 to 3")
        await expect(page.get_by_label("A tenant’s key")).to_be_focused()
        await page.keyboard.type("sk-ada")
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator(".turn.assistant .text").last).to_have_text("1 2 3")
        await expect(page.locator("#shares th")).to_have_text(["ada"])
        assert "sk-ada" not in await page.locator("#code").inner_text()
        await page.reload()
        await expect(page.locator("#phase")).to_have_text("Ready")
        await context.close()


async def test_what_is_copied_runs(serve: Serve, browser: Browser) -> None:
    async with serve(FakeEngine(), concurrency=4) as server, opened(browser, server.url) as page:
        await expect(page.get_by_role("button", name="Send")).to_be_enabled()
        await page.get_by_label("Message", exact=True).fill("Count from 1 to 3, it's 'quoted'")
        await page.get_by_text("Settings", exact=True).click()
        await page.get_by_label("System prompt").fill("Be\nbrief.")
        await page.get_by_label("Temperature").fill("0.5")
        await page.get_by_label("Max tokens").fill("6")
        await page.get_by_text("The same in code").click()
        curl, python = [await page.locator(f"#{name}").inner_text() for name in ("curl", "python")]
        streamed = await run("sh", "-c", curl)
        assert "".join(re.findall(r'"content":"([^"]*)"', streamed)) == "1 2 3"
        assert await run(sys.executable, "-c", python) == "1 2 3"
        assert '"temperature": 0.5' in curl
        assert "max_tokens=6" in python


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, command
    return output.decode()


async def test_thoughts_are_folded_and_calls_are_shown(serve: Serve, vllm: Started, browser: Browser) -> None:
    async with serve(vllm, concurrency=4) as server, opened(browser, server.url) as page:
        await expect(page.get_by_role("button", name="Send")).to_be_enabled()
        await page.get_by_text("Settings", exact=True).click()
        await page.get_by_label("Temperature").fill("0")
        await page.get_by_label("Thinking").select_option("on")
        await send(page, "What is 17 + 25?")
        first = page.locator(".turn.assistant").first
        await expect(first.locator(".about")).to_contain_text("tokens/s")
        await expect(first.locator(".text")).to_contain_text("42")
        await expect(first.locator(".thought")).to_be_hidden()
        await first.get_by_text("Thought for").click()
        await expect(first.locator(".thought")).to_contain_text("17")
        await page.get_by_text("The same in code").click()
        assert "extra_body=" in await page.locator("#python").inner_text()
        await page.get_by_role("button", name="New chat").click()
        await page.get_by_label("Thinking").select_option("off")
        await page.get_by_role("button", name="Fill in an example").click()
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_label("A call of a tool")).to_have_text('get_weather({"city": "Oslo"})')


async def test_it_works_by_keyboard(serve: Serve, browser: Browser) -> None:
    async with serve(FakeEngine(0.02), concurrency=4) as server, opened(browser, server.url) as page:
        await expect(page.get_by_role("button", name="Send")).to_be_enabled()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")  # to the playground
        for _ in range(3):  # past "New chat" and the conversation
            await page.keyboard.press("Tab")
        await expect(page.get_by_label("Message", exact=True)).to_be_focused()
        await page.keyboard.type("Count from 1 to 500")
        await page.keyboard.press("Enter")
        await expect(page.locator(".turn .text").first).to_have_text(re.compile("^1 2"))
        await expect(page.get_by_role("button", name="Stop")).to_be_focused()
        await page.keyboard.press("Escape")
        await server.is_empty(within=5)
        await expect(page.locator("#said")).to_have_text("Stopped.")
