"""Page servers that end with their test, and a browser."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.dashboard.in_browser import ARGUMENTS, SHOWN_S
from tests.dashboard.page_process import PageProcess, StartPage
from tests.installed import installed
from worker import time_limits
from worker.time_limits import TimeLimit


@pytest.fixture
def start_page(tmp_path: Path) -> Iterator[StartPage]:
    """Start pages' servers that end with the test at the latest; port 0 is any free port."""
    servers: list[PageProcess] = []

    def start(environment: Mapping[str, str], *, port: int = 0) -> PageProcess:
        servers.append(PageProcess(environment, tmp_path, port=port))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the web server wait for a client for a moment only."""
    monkeypatch.setattr(time_limits, "HTTP_CLIENT", TimeLimit(0.3, "for tests"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium; an expectation about its pages waits for up to SHOWN_S."""
    chromium = installed("chromium", package="chromium")
    expect.set_options(timeout=1_000 * SHOWN_S)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield browser
        browser.close()
