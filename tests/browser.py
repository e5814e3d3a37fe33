"""A browser for tests of web pages: Debian's chromium, without a window, driven by Playwright.

A test that uses `page` is marked `real_time`, as the browser is a process of its own.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
DESKTOP, PHONE = 1280, 390  # widths in CSS pixels
HEIGHT = 844


def need_chromium() -> None:
    """Skip a test where chromium is missing; in CI it must not be."""
    if not CHROMIUM.exists():
        missing = "chromium is needed to look at pages; on Debian: apt-get install chromium"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """An empty page of a browser that knows nothing of other tests, as wide as a desktop's."""
    need_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox"],  # which root, the user of most containers, cannot have
        )
        page = await browser.new_page(viewport={"width": DESKTOP, "height": HEIGHT})
        yield page
        await browser.close()


async def sideways(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(await page.evaluate(script))
