"""One browser for all that is looked at in it."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.page.browser import chromium


@pytest.fixture(scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser
