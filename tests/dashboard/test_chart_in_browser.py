"""The chart in a real browser: it begins with the minutes in Redis, and a table has the same numbers."""

import time
from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.in_browser import opened, serious_faults, wait_until
from tests.dashboard.page_process import NO_SERVERS, StartPage
from tests.servers import Stack, unique_topics
from tests.stream.verifier import Verifier

LABELS: Final = 6

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def env(embedded_stack: Stack) -> Mapping[str, str]:
    """Return the settings of a page whose Redis knows three minutes, each with three parts joy and one part fear."""
    env = unique_topics(embedded_stack, 1)
    verifier, now = Verifier(embedded_stack, env), int(time.time()) // 60
    with verifier.redis() as client:
        for minute in range(now - 3, now):
            client.hset(verifier.redis_key(f"minute:{minute}"), mapping={"joy": 540, "fear": 180})
    return env


@pytest.fixture
def page(browser: Browser, start_page: StartPage, env: Mapping[str, str]) -> Iterator[Page]:
    page = opened(browser, start_page(env))
    page.click("summary")
    yield page
    page.close()


def cells(page: Page, emotion: str) -> list[str]:
    row = page.locator("#chart-table tr", has=page.locator("th", has_text=emotion))
    return [text.replace("\u00a0", " ") for text in row.locator("td").all_inner_texts()]


def test_the_chart_of_a_new_page_begins_with_the_minutes_that_redis_knows(page: Page) -> None:
    wait_until(page, "Number(chart.dataset.points) >= 60")
    expect(page.locator("#chart canvas")).to_be_visible()
    assert "75.0 %" in cells(page, "joy")
    assert "25.0 %" in cells(page, "fear")
    assert "0.0 %" in cells(page, "love")


def test_the_table_has_the_numbers_of_the_view_that_is_chosen(page: Page) -> None:
    wait_until(page, "Number(chart.dataset.points) >= 60")
    expect(page.locator("#chart-table caption")).to_contain_text("Share")
    expect(page.locator("#chart")).to_have_attribute(
        "aria-label",
        "Stacked areas: the share of each emotion in the last five minutes. The table below has the numbers.",
    )
    page.get_by_role("radio", name="Shares").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Tweets per second")).to_be_checked()
    expect(page.locator("#chart-table caption")).to_contain_text("per second")
    assert "9.0" in cells(page, "joy")
    assert "3.0" in cells(page, "fear")
    assert "12.0" in cells(page, "Tweets per second")
    assert serious_faults(page) == []


def test_unknown_minutes_are_dashes_in_the_table(browser: Browser, start_page: StartPage) -> None:
    page = opened(browser, start_page(NO_SERVERS))
    page.click("summary")
    expect(page.locator("#chart-table tbody tr")).to_have_count(LABELS)
    assert set(page.locator("#chart-table td").all_inner_texts()) == {"–"}
    assert page.locator("#chart-table th").all_inner_texts()[1:6] == ["–"] * 5


def test_parts_add_up_to_the_total_that_is_shown(browser: Browser, start_page: StartPage) -> None:
    page = opened(browser, start_page(NO_SERVERS))
    found = page.evaluate("""async () => {
      const { rates, roundedParts, shares, sum } = await import("./static/show.js");
      const faults = [];
      for (let round = 0; round < 2000; round += 1) {
        const numbers = Array.from({ length: 7 }, () => Math.random() ** 4 * 10 ** (round % 5));
        const parts = roundedParts(numbers, 10);
        if (Math.round(10 * sum(parts)) !== Math.round(10 * sum(numbers))) faults.push(numbers);
        if (parts.some((part, place) => Math.abs(part - numbers[place]) >= 0.1)) faults.push(numbers);
      }
      const texts = shares([1, 1, 1]);
      return { faults, texts, none: shares([0, 0]), rates: rates([0.25, 0.25, 0.25]), many: rates([1000.4, 0.4, 0.4]) };
    }""")
    assert found["faults"] == []
    assert sorted(text.replace("\u00a0", " ") for text in found["texts"]) == ["33.3 %", "33.3 %", "33.4 %"]
    assert found["none"] == ["–", "–"]
    assert sorted(found["rates"]["each"]) == ["0.2", "0.3", "0.3"]
    assert found["rates"]["total"] == "0.8"
    assert found["many"] == {"each": ["1,000", "1", "0"], "total": "1,001"}
