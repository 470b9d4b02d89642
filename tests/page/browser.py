"""Debian's own Chromium, driven by Playwright, which fetches no browser of its own here."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-headless-shell")
needs_chromium = pytest.mark.skipif(
    EXECUTABLE is None, reason="there is no Chromium here: apt-get install chromium-headless-shell"
)
WIDE, NARROW = (1440, 900), (390, 844)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser, url: str, size: tuple[int, int] = WIDE, scheme: Literal["light", "dark"] = "light",
    *, scale: float = 1, keys: Mapping[str, str] | None = None,
) -> AsyncIterator[Page]:  # fmt: skip
    """The page, in a context of its own: its `keys` are nobody else's. Raises AssertionError if it has complained."""
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=scale
    )
    for whose, key in (keys or {}).items():
        await context.add_init_script(f"sessionStorage.setItem('sluice.{whose}', '{key}')")
    page = await context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        await page.goto(url)
        yield page
    finally:
        await context.close()
    assert complaints == []
