"""The page in a real browser with a real stack: it shows the counts in Redis, and it is accessible."""

import re
from collections.abc import Mapping
from typing import Final

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.dashboard.in_browser import opened, serious_faults
from tests.dashboard.page_process import NO_SERVERS, StartPage
from tests.servers import Message, Stack, eventually, publish, unique_topics
from tests.stream.programs import StartWorker
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier

PARTITIONS: Final = 3
DONE_S: Final = 120.0
BEHIND_S: Final = 2.0
SCRIPT: Final = "<script>alert(1)</script> i feel so happy"
LABELLED: Final = (
    b'{"id":"1","text":"what a day","emotion":"joy","confidence":0.9,"scores":{"joy":0.9,"love":0.1},'
    b'"model":"m","classified_at":"2026-01-01T00:00:00.000Z","label":"love"}'
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def shown_counts(page: Page) -> dict[str, int]:
    """Return each emotion's total as the DOM has it."""
    rows: dict[str, str] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#emotions [data-emotion]')]"
        ".map(row => [row.dataset.emotion, row.dataset.count]))"
    )
    return {name: int(count) for name, count in rows.items() if int(count)}


def test_a_page_opened_before_there_is_data_fills_by_itself_and_counts_what_redis_counts(
    browser: Browser, embedded_stack: Stack, start_worker: StartWorker, start_page: StartPage
) -> None:
    env = unique_topics(embedded_stack, PARTITIONS)
    verifier, page = Verifier(embedded_stack, env), opened(browser, start_page(env))
    expect(page.locator("#notice")).to_contain_text("No tweet has been labelled yet")
    start_worker(env).wait_ready()
    for _ in range(3):
        publish(embedded_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(100, partitions=PARTITIONS))
        eventually(lambda: verifier.redis_totals() and shown_counts(page), DONE_S, "the page shows counts")
        now = verifier.redis_totals()
        eventually(lambda: at_least(shown_counts(page), now), BEHIND_S, "the page shows the counts in Redis")  # noqa: B023
    eventually(lambda: sum(verifier.redis_totals().values()) == 300, DONE_S, "300 are counted")
    eventually(lambda: shown_counts(page) == verifier.redis_totals(), BEHIND_S, "page and Redis agree")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#tweets li .text")).to_have_count(20)
    expect(page.locator("#lag")).to_have_text("0")
    expect(page.locator("#accuracy")).to_have_text(re.compile(r"\d+\.\d\s%"))


def at_least(shown: Mapping[str, int], counted: Mapping[str, int]) -> bool:
    return all(shown.get(name, 0) >= count for name, count in counted.items())


def test_a_tweet_with_a_script_is_shown_as_text_and_runs_nothing(
    browser: Browser, embedded_stack: Stack, start_worker: StartWorker, start_page: StartPage
) -> None:
    env = unique_topics(embedded_stack, PARTITIONS)
    page = opened(browser, start_page(env))
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    start_worker(env)
    publish(embedded_stack, env["KAFKA_INPUT_TOPIC"], [Message(b'{"text": "%s"}' % SCRIPT.encode())])
    expect(page.locator("#tweets .text")).to_have_text([SCRIPT])
    page.click("#pause")
    publish(embedded_stack, env["KAFKA_INPUT_TOPIC"], [Message(b'{"text": "so sad"}')])
    expect(page.locator("#total")).to_have_text("2")
    expect(page.locator("#tweets .text")).to_have_text([SCRIPT])
    page.click("#pause")
    expect(page.locator("#tweets .text")).to_have_text(["so sad", SCRIPT])
    page.fill("#text", SCRIPT)
    page.press("#text", "Enter")
    expect(page.locator("#answer .words")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("#tweets script, #answer script").count() == 0
    assert dialogs == []


def test_a_typed_text_gets_scores_words_and_clear_errors(browser: Browser, start_page: StartPage) -> None:
    page = opened(browser, start_page(NO_SERVERS))
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.focus("#text")
    page.keyboard.type("so happy today")
    page.keyboard.press("Enter")
    expect(page.locator("#answer .label")).to_contain_text("joy")
    expect(page.locator("#answer tbody tr")).to_have_count(6)
    expect(page.locator("#answer .words .for")).to_contain_text(["happy"])
    page.fill("#text", "   ")
    page.press("#text", "Enter")
    expect(page.locator("#answer .error")).not_to_be_empty()


def test_a_word_is_marked_where_the_score_changes_by_5_points_without_it(
    browser: Browser, start_page: StartPage
) -> None:
    page = opened(browser, start_page(NO_SERVERS))
    falls = {"so": 0.049, "happy": 0.05, "but": -0.049, "tired": -0.06, "today": None}
    answer = {
        "emotion": "joy",
        "confidence": 0.9,
        "scores": {"joy": 0.9, "sadness": 0.1},
        "words": [{"word": word, "fall": fall} for word, fall in falls.items()],
    }
    page.route("**/explain", lambda route: route.fulfill(json=answer))
    page.fill("#text", " ".join(falls))
    page.press("#text", "Enter")
    expect(page.locator("#answer .words > span")).to_have_count(len(falls))
    marked = page.locator("#answer .words > span").evaluate_all("spans => spans.map(span => span.className)")
    assert marked == ["", "for", "", "against", "untried"]


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_and_nothing_is_wider_than_the_screen(
    browser: Browser, embedded_stack: Stack, start_page: StartPage, scheme: str, width: int
) -> None:
    env = unique_topics(embedded_stack, PARTITIONS)
    publish(embedded_stack, env["KAFKA_OUTPUT_TOPIC"], [Message(LABELLED)])
    page = opened(browser, start_page(env), color_scheme=scheme, viewport={"width": width, "height": 800})
    expect(page.locator("#tweets .predicted")).to_have_text(["joy 90.0 %, labelled love"])
    page.fill("#text", "so happy to see you again, but I miss my old dog")
    page.press("#text", "Enter")
    expect(page.locator("#answer tbody tr")).to_have_count(6)
    assert serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_lost_connection_is_shown_until_the_page_has_reconnected(browser: Browser, start_page: StartPage) -> None:
    server = start_page(NO_SERVERS)
    page = opened(browser, server)
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#notice")).to_contain_text("Redis does not answer")
    server.kill()
    expect(page.locator("#connection")).to_contain_text("lost")
    start_page(NO_SERVERS, port=server.port)
    expect(page.locator("#connection")).to_have_text("Live")


def test_a_server_that_hangs_is_shown_as_a_lost_connection(browser: Browser, start_page: StartPage) -> None:
    server = start_page(NO_SERVERS)
    page = opened(browser, server)
    expect(page.locator("#connection")).to_have_text("Live")
    with server.frozen():
        expect(page.locator("#connection")).to_contain_text("lost")
    expect(page.locator("#connection")).to_have_text("Live")


def test_a_shown_tweet_keeps_its_place_in_the_document_when_others_arrive(
    browser: Browser, embedded_stack: Stack, start_page: StartPage
) -> None:
    env = unique_topics(embedded_stack, 1)
    page = opened(browser, start_page(env))
    publish(embedded_stack, env["KAFKA_OUTPUT_TOPIC"], [Message(LABELLED)])
    expect(page.locator("#tweets .text")).to_have_count(1)
    page.evaluate("window.kept = document.querySelector('#tweets .text')")
    publish(embedded_stack, env["KAFKA_OUTPUT_TOPIC"], [Message(LABELLED.replace(b"what a day", b"what a night"))])
    expect(page.locator("#tweets .text")).to_have_text(["what a night", "what a day"])
    assert page.evaluate("kept === document.querySelectorAll('#tweets .text')[1]")


def test_figures_that_are_not_known_are_dashes(browser: Browser, start_page: StartPage) -> None:
    page = opened(browser, start_page(NO_SERVERS))
    expect(page.locator("#notice")).to_contain_text("Kafka does not answer.")
    for shown in ("#total", "#rate", "#throughput", "#lag", "#latency", "#accuracy", "[data-emotion=joy] .share"):
        expect(page.locator(shown)).to_have_text("–")
