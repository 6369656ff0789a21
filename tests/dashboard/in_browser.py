"""A page that is open in Chromium."""

from typing import Any, Final

from playwright.sync_api import Browser, Page, expect

from tests.dashboard.page_process import PageProcess

SHOWN_MS: Final = 30_000
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def opened(browser: Browser, server: PageProcess, *, rows: int = 6, **options: Any) -> Page:
    """Open the page of a server; return once the table of emotions has so many rows."""
    return opened_at(browser, f"http://127.0.0.1:{server.port}", rows=rows, **options)


def opened_at(browser: Browser, address: str, *, rows: int = 6, **options: Any) -> Page:
    """Open the page at this address; return once the table of emotions has so many rows."""
    page = browser.new_page(**options)
    page.set_default_timeout(SHOWN_MS)
    page.goto(address)
    expect(page.locator("#emotions tbody tr")).to_have_count(rows)
    return page
