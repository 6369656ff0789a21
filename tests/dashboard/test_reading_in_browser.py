"""A reader's place in a real browser: a selection and a paused list stay while new tweets arrive."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.in_browser import opened
from tests.dashboard.page_process import StartPage
from tests.dashboard.stand_in import StandIn
from tests.servers import Stack, eventually, unique_topics

ARRIVED_S: Final = 30.0
RATE: Final = 100
TOTAL: Final = "Number(document.querySelector('#total').dataset.count)"
TOP_TWEET: Final = "document.querySelector('#tweets .text').textContent"
SELECT: Final = "(selector) => getSelection().selectAllChildren(document.querySelector(selector))"

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture
def page(browser: Browser, embedded_stack: Stack, start_page: StartPage) -> Iterator[Page]:
    """Open a page whose list and counts change every second."""
    env = unique_topics(embedded_stack, 1)
    with StandIn(embedded_stack, env, RATE):
        page = opened(browser, start_page(env), viewport={"width": 1280, "height": 700})
        expect(page.locator("#tweets .text")).to_have_count(20)
        page.evaluate("window.keys = () => [...tweets.children].map((each) => each.dataset.key)")
        page.evaluate(
            "window.states = 0; new MutationObserver(() => { states += 1; })"
            ".observe(document.getElementById('total'), { childList: true, characterData: true, subtree: true })"
        )
        yield page
        page.close()


def wait_for_counts(page: Page) -> None:
    """Return after the page has drawn other counts twice: each came with new tweets."""
    before = page.evaluate("states")
    eventually(lambda: page.evaluate("states") >= before + 2, ARRIVED_S, "the page has drawn new counts")


def test_a_selected_tweet_stays_where_it_is_and_the_list_follows_when_the_selection_ends(page: Page) -> None:
    page.evaluate(SELECT, "#tweets .text")
    selected, keys = page.evaluate("getSelection().toString()"), page.evaluate("keys()")
    expect(page.locator("#held")).to_be_visible()
    wait_for_counts(page)
    assert selected
    assert page.evaluate("getSelection().toString()") == selected
    assert page.evaluate("keys()") == keys
    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator("#held")).to_be_hidden()
    assert not set(page.evaluate("keys()")) & set(keys)


def test_a_selected_figure_and_the_figures_beside_it_stay_while_tweets_arrive(page: Page) -> None:
    page.evaluate(SELECT, "#emotions [data-emotion=joy] .count")
    selected, shown = page.evaluate("getSelection().toString()"), page.locator("#emotions").inner_text()
    top = page.evaluate(TOP_TWEET)
    eventually(lambda: page.evaluate(TOP_TWEET) != top, ARRIVED_S, "the list has new tweets")
    assert page.evaluate("getSelection().toString()") == selected
    assert page.locator("#emotions").inner_text() == shown
    total = page.evaluate(TOTAL)
    page.evaluate("getSelection().removeAllRanges()")
    eventually(lambda: page.evaluate(TOTAL) > total, ARRIVED_S, "the figures follow again")


def test_a_selected_number_of_the_charts_table_stays(page: Page) -> None:
    page.click("summary")
    page.evaluate("document.querySelector('#chart-table caption').textContent = 'a number'")
    page.evaluate(SELECT, "#chart-table caption")
    wait_for_counts(page)
    wait_for_counts(page)
    assert page.evaluate("getSelection().toString()") == "a number"


def test_while_the_mouse_is_down_in_the_list_nothing_moves_under_it(page: Page) -> None:
    page.locator("#tweets .text").first.hover()
    page.mouse.down()
    keys = page.evaluate("keys()")
    wait_for_counts(page)
    assert page.evaluate("keys()") == keys
    page.mouse.up()
    eventually(lambda: page.evaluate("keys()") != keys, ARRIVED_S, "the list follows again")


def test_a_paused_list_keeps_its_tweets_and_its_place_on_the_screen_when_the_page_above_grows(page: Page) -> None:
    page.click("#pause")
    page.locator("#tweets li").nth(10).scroll_into_view_if_needed()
    place = "document.querySelectorAll('#tweets li')[10].getBoundingClientRect().top"
    keys, top = page.evaluate("keys()"), page.evaluate(place)
    page.evaluate("notice.hidden = false; notice.textContent = 'Kafka does not answer. '.repeat(40)")
    wait_for_counts(page)
    assert page.evaluate("keys()") == keys
    assert page.evaluate(place) == pytest.approx(top, abs=1)
    page.click("#pause")
    eventually(lambda: not set(page.evaluate("keys()")) & set(keys), ARRIVED_S, "the list has the newest tweets")
