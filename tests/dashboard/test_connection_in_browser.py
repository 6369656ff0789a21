"""A connection that died silently, in a real browser: the page shows the loss within ten seconds, and reconnects."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.dashboard.in_browser import opened
from tests.dashboard.page_process import NO_SERVERS, PageProcess, StartPage
from tests.ports import free_ports
from tests.servers import eventually
from tests.stream.relay import Relay

NOTICED_MS: Final = 10_000
RETRIED_S: Final = 30.0
LOST: Final = re.compile(r"Connection lost; figures of \d\d:\d\d:\d\d; reconnecting")
WORDS: Final = """
window.words = [];
document.addEventListener("DOMContentLoaded", () => new MutationObserver(() => words.push(connection.textContent))
  .observe(document.getElementById("connection"), { childList: true, characterData: true, subtree: true }));
"""

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@contextmanager
def live(browser: Browser, server: PageProcess) -> Iterator[tuple[Page, Relay]]:
    """Yield a page that is live, and the network between the page and the server."""
    with Relay(free_ports(1)[0], server.port, 0.0) as relay:
        page = opened(browser, server, port=relay.port)
        expect(page.locator("#connection")).to_have_text("Live")
        yield page, relay


def test_a_network_that_goes_silent_is_shown_within_ten_seconds_and_the_page_comes_back(
    browser: Browser, start_page: StartPage
) -> None:
    with live(browser, start_page(NO_SERVERS)) as (page, relay):
        relay.silent = True
        expect(page.locator("#connection")).to_have_text(LOST, timeout=NOTICED_MS)
        relay.silent = False
        expect(page.locator("#connection")).to_have_text("Live", timeout=NOTICED_MS)


def test_a_text_that_is_sent_into_a_silent_network_gets_an_error_and_may_be_sent_again(
    browser: Browser, start_page: StartPage
) -> None:
    with live(browser, start_page(NO_SERVERS)) as (page, relay):
        relay.silent = True
        page.fill("#text", "so happy")
        page.press("#text", "Enter")
        expect(page.locator("#answer .error")).to_contain_text("does not answer", timeout=NOTICED_MS)
        expect(page.locator("#try button")).to_be_enabled()
        relay.silent = False
        expect(page.locator("#connection")).to_have_text("Live", timeout=NOTICED_MS)
        page.press("#text", "Enter")
        expect(page.locator("#answer .label")).to_contain_text("joy")


def test_a_proxy_that_answers_for_a_server_without_events_is_never_shown_as_live(
    browser: Browser, start_page: StartPage
) -> None:
    server = start_page(NO_SERVERS)
    page = browser.new_page()
    asked = []

    def answer_without_events(route: Route) -> None:
        asked.append(route)
        route.fulfill(content_type="text/event-stream", body=": nothing\n\n")

    page.route("**/events", answer_without_events)
    page.add_init_script(WORDS)
    page.goto(f"http://127.0.0.1:{server.port}")
    expect(page.locator("#connection")).to_have_text("Connection lost; reconnecting …")
    eventually(lambda: page.evaluate("true") and len(asked) > 1, RETRIED_S, "the page has tried again")
    assert "Live" not in page.evaluate("words")
