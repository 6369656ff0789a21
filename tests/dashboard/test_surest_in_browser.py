"""The choice of a minute whose surest tweets are shown, in a real browser; the answers of the server are made up."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.dashboard.in_browser import opened, wait_until
from tests.dashboard.page_process import PageProcess
from tests.dashboard.periods_in_redis import NAMES, fill
from tests.servers import Stack, unique_topics

HOLD_ANSWERS: Final = """
() => {
  const plain = window.fetch;
  window.asked = [];
  window.fetch = (address, ...rest) => {
    if (!address.startsWith("surest?")) return plain(address, ...rest);
    return new Promise((resolve) => asked.push((answer) => resolve(new Response(JSON.stringify(answer)))));
  };
}
"""

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def server(embedded_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageProcess]:
    env = unique_topics(embedded_stack, 1)
    fill(embedded_stack, env)
    server = PageProcess(env, tmp_path_factory.mktemp("page"))
    yield server
    server.kill()


@pytest.fixture
def page(browser: Browser, server: PageProcess) -> Iterator[Page]:
    page = opened(browser, server)
    expect(page.locator("#topic option")).to_have_text(["All tweets", *NAMES])
    expect(page.locator("#series canvas")).to_have_count(1)
    yield page
    page.close()


def found(**fields: Any) -> dict[str, Any]:
    """Return an answer of the server without a tweet."""
    return {"tweets": [], "matching": 0, "read": 7, "read_max": 50_000, "stopped": "end", "until": None} | fields


def test_a_click_on_the_chart_asks_for_the_tweets_of_that_minute_and_the_page_shows_where_the_search_stopped(
    page: Page,
) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json=found(read=50_000, stopped="records", until="2026-01-01T00:10:05Z"))

    page.route("**/surest?*", answer)
    page.locator("#series .u-over").click(position={"x": 2, "y": 20})
    expect(page.locator("#surest")).to_contain_text("Stopped after 50,000 records, the most of one search")
    expect(page.locator("#minute")).to_have_value("0")
    assert len(asked) == 1


def test_an_error_of_the_server_is_shown_as_a_sentence(page: Page) -> None:
    error = {"error": "Kafka does not answer: try again in a moment"}
    page.route("**/surest?*", lambda route: route.fulfill(status=503, json=error))
    page.click("#find")
    expect(page.locator("#surest")).to_have_text("Kafka does not answer: try again in a moment.")


def test_during_a_search_only_the_newest_choice_waits(page: Page) -> None:
    page.evaluate(HOLD_ANSWERS)
    titles = []
    for _ in range(3):
        page.locator("#minute").press("ArrowLeft")
        titles.append(f"{page.locator('#minute-text').inner_text()}, all tweets")
        page.click("#find")
        expect(page.locator("#surest")).to_have_text(f"Searching for the surest tweets of {titles[-1]} …")
    wait_until(page, "asked.length === 1")
    page.evaluate("(answer) => asked[0](answer)", found(matching=1))
    wait_until(page, "asked.length === 2")
    expect(page.locator("#surest")).to_have_text(f"Searching for the surest tweets of {titles[-1]} …")
    page.evaluate("(answer) => asked[1](answer)", found(matching=2))
    expect(page.locator("#surest h3")).to_have_text(f"The surest tweets of {titles[-1]}")
    expect(page.locator("#surest")).to_contain_text("2 tweets of this minute found.")
    assert page.evaluate("asked.length") == 2


def test_with_the_keyboard_the_tweets_of_both_compared_tweet_topics_are_found(page: Page) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.extend(parse_qs(urlsplit(route.request.url).query)["topic"])
        route.fulfill(json=found())

    page.route("**/surest?*", answer)
    page.select_option("#topic", "trains")
    page.select_option("#other-topic", "weather")
    buttons = page.locator("#minute-choice button:visible")
    expect(buttons).to_have_text(["Show the surest tweets: trains", "Show the surest tweets: weather"])
    page.locator("#minute").focus()
    for topic in ("trains", "weather"):
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#surest h3")).to_contain_text(topic)
    assert asked == ["trains", "weather"]
    page.select_option("#other-topic", label="nothing")
    expect(buttons).to_have_text(["Show the surest tweets"])


def test_the_slider_is_named_once_and_announces_only_its_own_value(page: Page) -> None:
    minute = page.get_by_role("slider", name="Minute", exact=True)
    expect(minute).to_have_attribute("aria-valuetext", page.locator("#minute-text").inner_text())
    expect(page.locator("#minute-choice").get_by_role("status")).to_have_count(0)
