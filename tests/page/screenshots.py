"""Pictures of the page for the documents: `python -m tests.page.screenshots --minutes 15`.

A server around the fake engine gets more and less than it can do, from four tenants, until its plots are full. Then a
browser looks at it while a burst runs: docs/page.png (in the light, on a desk) and docs/page-phone.png (in the dark).
"""

import argparse
import asyncio
import hashlib
import io
import json
import math
from contextlib import AsyncExitStack
from random import Random

import httpx
from PIL import Image
from playwright.async_api import Page, expect

from tests.page.browser import NARROW, chromium, opened
from tests.process import ROOT, Process, started
from tests.served import OPERATORS

TENANTS = {"support": 0.9, "search": 0.6, "research": 0.35, "nightly": 0.3}
"""And how many requests a second each of them sends on average."""
DESK = (1440, 1000)
SETTINGS = {
    "http.port": 0,
    "traffic.concurrency": 12,
    "traffic.max_concurrency": 48,
    "traffic.queue_timeout": 20,
    "tenants": [
        {"name": name, "keys": [f"sha256:{hashlib.sha256(f'sk-{name}'.encode()).hexdigest()}"]} for name in TENANTS
    ],
    "operators.keys": OPERATORS["operators"]["keys"],
}
ENGINE = {"seconds_a_token": 0.04}
KEYS = {"operator": "sk-operator", "tenant": "sk-support"}


async def send(client: httpx.AsyncClient, tenant: str, numbers: Random) -> None:
    last = round(numbers.lognormvariate(4, 0.6))
    body = {
        "model": "demo", "stream": True, "messages": [{"role": "user", "content": f"Count from 1 to {last}"}],
        "max_tokens": min(400, 2 * last), "service_tier": "flex" if tenant == "nightly" else "auto",
    }  # fmt: skip
    headers = {"x-api-key": f"sk-{tenant}"}
    async with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
        async for _ in answer.aiter_raw():
            if numbers.random() < 0.0005:  # some hang up
                return


async def load(client: httpx.AsyncClient, tenant: str, rate: float) -> None:
    """Until it is cancelled: in waves, with a burst now and then."""
    loop, numbers = asyncio.get_running_loop(), Random(tenant)
    phase = numbers.uniform(0, 9)
    async with asyncio.TaskGroup() as sending:
        while True:
            now = loop.time() / 60 + phase
            wave = 0.75 + 0.45 * math.sin(now * 1.7) + (2.2 if now % 4.5 > 3.9 else 0)
            await asyncio.sleep(numbers.expovariate(rate * wave))
            sending.create_task(send(client, tenant, numbers))


async def look(page: Page, name: str) -> None:
    picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    small = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(ROOT / "docs" / name, optimize=True)


async def ask(page: Page, question: str) -> None:
    await page.get_by_label("Message", exact=True).fill(question)
    await page.get_by_role("button", name="Send").click()
    await page.locator(".turn .text", has_text="9").last.wait_for()


async def show(server: Process, minutes: float) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=server.url, timeout=None, limits=httpx.Limits(max_connections=None))
        )
        loads = [asyncio.create_task(load(client, *each)) for each in TENANTS.items()]
        await asyncio.sleep(60 * minutes)
        browser = await stack.enter_async_context(chromium())
        async with opened(browser, server.url, DESK, scale=1.5, keys=KEYS) as page:
            await ask(page, "Count from 1 to 30, please.")
            loads += [asyncio.create_task(load(client, "search", 7))]
            await asyncio.sleep(6)
            await look(page, "page.png")
        async with opened(browser, server.url, NARROW, "dark", scale=2, keys=KEYS) as page:
            await expect(page.locator("#shares tr")).to_have_count(len(TENANTS))
            await asyncio.sleep(2)
            await look(page, "page-phone.png")
        for each in loads:
            each.cancel()
        await asyncio.gather(*loads, return_exceptions=True)


async def main(minutes: float) -> None:
    async with started("tests.serve_fake", json.dumps(SETTINGS), json.dumps(ENGINE)) as server:
        await server.readiness("ready")
        await show(server, minutes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    asyncio.run(main(parser.parse_args().minutes))
