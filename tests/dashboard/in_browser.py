"""A page that is open in Chromium."""

from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.page_process import PageProcess
from tests.servers import eventually

SHOWN_S: Final = 30
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def opened(browser: Browser, server: PageProcess, *, rows: int = 6, port: int | None = None, **options: Any) -> Page:
    """Open the page of a server, by default on its own port; return once the table of emotions has so many rows."""
    return opened_at(browser, f"http://127.0.0.1:{port or server.port}", rows=rows, **options)


def opened_at(browser: Browser, address: str, *, rows: int = 6, **options: Any) -> Page:
    """Open the page at this address; return once the table of emotions has so many rows."""
    page = browser.new_page(**options)
    page.set_default_timeout(1_000 * SHOWN_S)
    page.goto(address)
    expect(page.locator("#emotions tbody tr")).to_have_count(rows)
    return page


def wait_until(page: Page, expression: str, arg: Any = None) -> None:
    """Return once the JavaScript expression, or function of `arg`, is true in the page.

    Page.wait_for_function evaluates text inside the page when it looks again, which the page's own
    Content-Security-Policy forbids.
    """
    eventually(lambda: page.evaluate(expression, arg), SHOWN_S, expression)


def serious_faults(page: Page) -> list[tuple[str, str]]:
    """Return rule and element of each serious or critical fault that axe-core finds."""
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]
