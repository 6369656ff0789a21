"""Emotion over time in a real browser: what the page shows equals Redis, with the keyboard alone, and accessibly."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.in_browser import opened, serious_faults, wait_until
from tests.dashboard.page_process import NO_SERVERS, PageProcess, StartPage
from tests.dashboard.periods_in_redis import NAMES, fill
from tests.servers import Message, Stack, eventually, publish, unique_topics
from tests.stream.verifier import Verifier

SEES_S: Final = 30.0

ROWS: Final = """
(topic) => Object.fromEntries(
  [...document.querySelectorAll(`.series[data-topic="${topic}"] tbody tr`)].map((row) => [
    row.dataset.start,
    Object.fromEntries([...row.querySelectorAll("[data-label]")].map(({ dataset }) => [dataset.label, +dataset.count])),
  ]),
)
"""

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def env(embedded_stack: Stack) -> dict[str, str]:
    """Return the settings of a page whose Redis knows three tweet topics."""
    env = unique_topics(embedded_stack, 2)
    fill(embedded_stack, env)
    return env


@pytest.fixture(scope="module")
def server(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageProcess]:
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


def in_redis(stack: Stack, env: dict[str, str], topic: str, unit: str) -> dict[str, dict[str, int]]:
    """Return the counts of each period that Redis has, by its start as the page names it."""
    verifier, length_s = Verifier(stack, env), {"minute": 60, "hour": 3600}[unit]
    name = f"topic:{topic}:{unit}:" if topic else f"{unit}:"
    with verifier.redis() as client:
        keys = client.keys(verifier.redis_key(name).replace("{", "\\{").replace("[", "\\[") + "*")
        found = {int(key.rpartition(":")[2]): client.hgetall(key) for key in keys}
    return {
        datetime.fromtimestamp(number * length_s, UTC).isoformat().replace("+00:00", "Z"): {
            label: int(count) for label, count in counts.items()
        }
        for number, counts in found.items()
    }


def shown(page: Page, topic: str) -> dict[str, dict[str, int]]:
    """Return the counts above zero of each period in the table of a tweet topic, as the DOM has them."""
    rows: dict[str, dict[str, int]] = page.evaluate(ROWS, topic)
    return {start: {label: count for label, count in counts.items() if count} for start, counts in rows.items()}


@pytest.mark.parametrize(
    ("span", "unit", "periods"), [("Hour", "minute", 60), ("Day", "hour", 24), ("Week", "hour", 169)]
)
@pytest.mark.parametrize("topic", ["", "trains", "weather"])
def test_the_table_equals_redis_for_every_span(
    embedded_stack: Stack, env: dict[str, str], page: Page, topic: str, span: str, unit: str, periods: int
) -> None:
    page.get_by_role("radio", name=span).check()
    page.select_option("#topic", topic)
    page.locator(f".series[data-topic='{topic}'] summary").click()
    eventually(lambda: len(shown(page, topic)) == periods, SEES_S, f"{periods} periods are shown")
    stored = in_redis(embedded_stack, env, topic, unit)
    found = shown(page, topic)
    assert sum(bool(counts) for counts in found.values()) > 15
    assert found == {start: stored.get(start, {}) for start in found}


def test_an_answer_that_comes_while_the_pointer_is_down_is_shown_when_it_goes_up(page: Page) -> None:
    summary = page.locator(".series summary")
    summary.hover()
    page.mouse.down()
    with page.expect_response("**/series?*"):
        page.evaluate("document.querySelector('[name=span][value=week]').click()")
    expect(page.locator("#held")).to_be_visible()
    page.mouse.up()
    expect(page.locator(".series-caption")).to_contain_text("the last 7 days")
    expect(summary.locator("..")).to_have_attribute("open", "")


def test_after_an_error_the_page_asks_again_soon_for_every_span(page: Page) -> None:
    refused = {"status": 503, "json": {"error": "Redis does not answer: try again in a moment"}}
    page.route("**/series?*", lambda route: route.fulfill(**refused), times=1)
    page.get_by_role("radio", name="Day").check()
    expect(page.locator("#series-error")).to_contain_text("Redis does not answer")
    expect(page.locator(".series-caption")).to_contain_text("the last 24 hours")
    expect(page.locator("#series-error")).to_be_hidden()


def test_two_tweet_topics_are_compared_and_the_choice_is_undone(page: Page) -> None:
    page.select_option("#topic", "trains")
    page.select_option("#other-topic", "weather")
    expect(page.locator("#series .series")).to_have_count(2)
    expect(page.locator("#series canvas")).to_have_count(2)
    expect(page.locator(".series-caption").nth(0)).to_contain_text("trains: ")
    expect(page.locator(".series-caption").nth(0)).not_to_contain_text("Counted since")
    expect(page.locator(".series-caption").nth(1)).to_contain_text("Counted since")
    page.select_option("#other-topic", label="nothing")
    expect(page.locator("#series .series")).to_have_count(1)


def test_a_new_tweet_topic_appears_and_the_chosen_one_stays(
    embedded_stack: Stack, browser: Browser, start_page: StartPage
) -> None:
    env = unique_topics(embedded_stack, 1)
    fill(embedded_stack, env, names=("trains",))
    page = opened(browser, start_page(env))
    page.select_option("#topic", "trains")
    verifier = Verifier(embedded_stack, env)
    with verifier.redis() as client:
        client.hset(verifier.redis_key("topics"), "cats", int(time.time()))
    expect(page.locator("#topic option")).to_have_text(["All tweets", "cats", "trains"])
    expect(page.locator("#topic")).to_have_value("trains")
    page.select_option("#topic", "cats")
    expect(page.locator(".series-caption")).to_contain_text("cats: no tweet in the last hour")


def test_without_tweet_topics_there_is_nothing_to_choose_and_all_tweets_are_shown(
    browser: Browser, embedded_stack: Stack, start_page: StartPage
) -> None:
    env = unique_topics(embedded_stack, 1)
    fill(embedded_stack, env, names=())
    page = opened(browser, start_page(env))
    expect(page.locator(".series-caption")).to_contain_text("All tweets: no tweet in the last hour")
    expect(page.locator("#topic")).to_be_hidden()
    expect(page.locator("#other-topic")).to_be_hidden()
    expect(page.locator("#hashtags")).to_have_text("No hashtag was used 10 times in the last hour.")


def test_a_silent_redis_is_shown_and_nothing_else_breaks(browser: Browser, start_page: StartPage) -> None:
    page = opened(browser, start_page(NO_SERVERS))
    expect(page.locator("#series-error")).to_contain_text("Redis does not answer")
    expect(page.locator("#connection")).to_have_text("Live")


def labelled(text: str, confidence: float, **fields: Any) -> Message:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    scores = {"anger": confidence, "joy": round(1 - confidence, 6)}
    tweet = {"id": text, "text": text, "emotion": "anger", "confidence": confidence, "scores": scores, "model": "m"}
    return Message(json.dumps(tweet | {"classified_at": at} | fields).encode())


def test_the_surest_tweets_of_a_minute_are_found_with_the_keyboard(
    embedded_stack: Stack, env: dict[str, str], page: Page
) -> None:
    minute = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 120))
    records = [
        labelled(f"train {number} <b>late</b>", 0.9 + number / 100, created_at=f"{minute}:30Z", topics=["trains"])
        for number in range(7)
    ]
    publish(embedded_stack, env["KAFKA_OUTPUT_TOPIC"], [*records, labelled("other", 0.99, created_at=f"{minute}:40Z")])
    page.select_option("#topic", "trains")
    expect(page.locator(".series[data-topic='trains']")).to_be_visible()  # a search is for what the chart shows
    page.locator("#minute").focus()
    wanted = page.evaluate("(start) => new Date(start).toTimeString().slice(0, 5)", f"{minute}:00Z")
    for _ in range(60):
        if page.locator("#minute-text").inner_text() == wanted:
            break
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#minute")).to_have_attribute("aria-valuetext", wanted)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#surest h3")).to_have_text(f"The surest tweets of {wanted}, trains")
    expect(page.locator("#surest .text")).to_have_text([f"train {number} <b>late</b>" for number in (6, 5, 4, 3, 2)])
    expect(page.locator("#surest")).to_contain_text("7 tweets of this minute found. Searched all")


def test_a_hashtag_that_is_used_often_is_listed_with_its_count(
    embedded_stack: Stack, env: dict[str, str], page: Page, server: PageProcess
) -> None:
    records = [labelled(f"what a #Storm {number}", 0.9) for number in range(12)]
    publish(embedded_stack, env["KAFKA_OUTPUT_TOPIC"], [*records, labelled("#calm", 0.9)])
    expect(page.locator("#hashtags li")).to_have_text(["#storm 12"])
    expect(page.locator("#hashtags-hint")).to_contain_text("Which of them rise is known after an hour.")
    status, answer = server.ask("GET", "/hashtags")
    assert (status, [each["hashtag"] for each in json.loads(answer)["hashtags"]]) == (200, ["#storm"])


DRAWN: Final = """
() => {
  const { clearRect, fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.clearRect = function (...place) {
    this.canvas.drawn = [];
    return clearRect.apply(this, place);
  };
  CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
    (this.canvas.drawn ??= []).push(text);
    return fillText.call(this, text, ...place);
  };
}
"""
HAS_TIMES: Final = """
(form) => {
  const times = (document.querySelector("#series canvas").drawn ?? []).filter((text) => text && !text.includes("%"));
  return times.length > 1 && times.every((text) => new RegExp(form).test(text));
}
"""


def test_each_span_has_its_own_times_below_the_chart(page: Page) -> None:
    page.evaluate(DRAWN)
    for span, times in (("Day", r"^\d\d:\d\d$"), ("Week", r"^\w{3} \d+$"), ("Day", r"^\d\d:\d\d$")):
        page.get_by_role("radio", name=span).check()
        wait_until(page, HAS_TIMES, times)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_and_nothing_is_wider_than_the_screen(
    browser: Browser, server: PageProcess, scheme: str, width: int
) -> None:
    page = opened(browser, server, color_scheme=scheme, viewport={"width": width, "height": 900})
    expect(page.locator("#topic option")).to_have_count(4)
    page.select_option("#topic", "trains")
    page.select_option("#other-topic", "")
    expect(page.locator("#series canvas")).to_have_count(2)
    for summary in page.locator("#series summary").all():
        summary.click()
    page.click("#find")
    expect(page.locator("#surest h3")).to_be_visible()
    assert serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_tweet_topics_move_nothing_below_them(browser: Browser, server: PageProcess) -> None:
    page = opened(browser, server, viewport={"width": 1280, "height": 900})
    expect(page.locator("#topic option")).to_have_count(4)
    expect(page.locator("#series canvas")).to_have_count(1)
    before = page.locator("#try").bounding_box()
    page.evaluate("document.querySelectorAll('.topic-choice').forEach((each) => { each.hidden = true; })")
    assert page.locator("#try").bounding_box() == before
    page.close()
