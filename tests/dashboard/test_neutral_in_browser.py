"""The page with a model that has a neutral output, in a real browser: seven labels, and the reason of an unsure one."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.in_browser import opened, serious_faults
from tests.dashboard.page_process import NO_SERVERS, StartPage
from tests.model_folders import write_word_folder
from tests.servers import Message, Stack, publish, unique_topics
from tests.stream.verifier import Verifier
from tweets.emotions import NEUTRAL

TWEETS: Final[list[dict[str, Any]]] = [
    {"text": "sure", "emotion": "joy", "confidence": 0.9, "scores": {"joy": 0.9, "love": 0.1}, "neutral": 0.2},
    {"text": "torn", "emotion": "joy", "confidence": 0.45, "scores": {"joy": 0.45, "love": 0.35}, "neutral": 0.2},
    {"text": "bland", "emotion": "joy", "confidence": 0.9, "scores": {"joy": 0.9, "love": 0.1}, "neutral": 0.62},
    {"text": "none", "emotion": NEUTRAL, "confidence": 0.95, "scores": {"joy": 0.7, "love": 0.3}, "neutral": 0.95},
    {"text": "plain", "emotion": "joy", "confidence": 0.45, "scores": {"joy": 0.45, "love": 0.35}},
]
REASONS: Final = {
    "sure": [],
    "torn": ["Unsure: the second best label is love with 35.0 %; neutral has 20.0 %."],
    "bland": ["Unsure: the second best label is love with 10.0 %; neutral has 62.0 %."],
    "none": ["No clear emotion; the closest is joy with 70.0 %."],
    "plain": ["Unsure: the second best label is love with 35.0 %."],
}

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the settings of a page whose model has a neutral output, with a threshold."""
    path = write_word_folder(tmp_path_factory.mktemp("words"), neutral={"scale": 1.0, "shift": 0.5})
    return {"MODEL_PATH": str(path), "DEVICE": "cpu", "NEUTRAL_THRESHOLD": "0.9"}


def labelled(number: int, fields: dict[str, Any]) -> Message:
    about = {"id": str(number), "model": "m", "classified_at": "2026-01-01T00:00:00.000Z"}
    return Message(json.dumps(fields | about).encode(), partition=0)


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_unsure_label_has_its_reason_and_axe_finds_no_serious_fault(
    browser: Browser, embedded_stack: Stack, start_page: StartPage, model: dict[str, str], scheme: str, width: int
) -> None:
    env = unique_topics(embedded_stack, 1) | model
    publish(embedded_stack, env["KAFKA_OUTPUT_TOPIC"], [labelled(n, fields) for n, fields in enumerate(TWEETS)])
    page = opened(browser, start_page(env), rows=7, color_scheme=scheme, viewport={"width": width, "height": 800})
    expect(page.locator("#tweets .text")).to_have_text(list(reversed(REASONS)))
    for place, sentences in enumerate(reversed(REASONS.values())):
        expect(page.locator("#tweets li").nth(place).locator(".doubt")).to_have_text(sentences)
    page.fill("#text", "happy rain")
    page.press("#text", "Enter")
    expect(page.locator("#answer .label")).to_have_text("joy, 98.8 %")
    expect(page.locator("#answer tfoot")).to_contain_text("neutral62.0 %")
    assert serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_figures_chart_and_typed_texts_have_seven_labels(
    browser: Browser, start_page: StartPage, model: dict[str, str]
) -> None:
    page = opened(browser, start_page(NO_SERVERS | model), rows=7)
    expect(page.locator("#chart-legend li")).to_have_count(7)
    page.fill("#text", "rain today")
    page.press("#text", "Enter")
    expect(page.locator("#answer .label")).to_have_text("neutral, 99.1 %")
    expect(page.locator("#answer .doubt")).to_have_text("No clear emotion; the closest is sadness with 16.7 %.")
    expect(page.locator("#answer tbody tr")).to_have_count(6)
    expect(page.locator("#answer .words .for")).to_contain_text(["rain"])
    page.fill("#text", "happy happy")
    page.press("#text", "Enter")
    expect(page.locator("#answer .label")).to_have_text("joy, 100.0 %")
    expect(page.locator("#answer .doubt")).to_have_count(0)


def test_a_label_that_the_pages_model_does_not_have_gets_a_row_while_redis_counts_it(
    browser: Browser, embedded_stack: Stack, start_page: StartPage, tmp_path: Path
) -> None:
    env = unique_topics(embedded_stack, 1)
    verifier = Verifier(embedded_stack, env)
    page = opened(browser, start_page(env))
    with verifier.redis() as client:
        client.hset(verifier.redis_key("counts"), mapping={"joy": 2, NEUTRAL: 3, "calm": 0})
    expect(page.locator("#total")).to_have_text("5")
    expect(page.locator("#emotions tbody tr")).to_have_count(7)
    expect(page.locator("#emotions [data-emotion=neutral] .count")).to_have_text("3")
