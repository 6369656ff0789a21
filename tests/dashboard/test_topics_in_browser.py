"""The page shows the tweet topics of a tweet beside it, in a real browser."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.in_browser import opened, serious_faults
from tests.dashboard.page_process import StartPage
from tests.servers import Message, Stack, publish, unique_topics

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def labelled(number: int, **fields: Any) -> Message:
    about = {"id": str(number), "emotion": "joy", "confidence": 0.9, "scores": {"joy": 0.9, "love": 0.1}, "model": "m"}
    about |= {"text": f"tweet {number}", "classified_at": "2026-01-01T00:00:00.000Z"}
    return Message(json.dumps(about | fields).encode(), partition=0)


@pytest.mark.parametrize("width", [1280, 360])
def test_a_tweet_of_tweet_topics_names_them_and_fits_on_the_screen(
    browser: Browser, embedded_stack: Stack, start_page: StartPage, width: int
) -> None:
    env = unique_topics(embedded_stack, 1)
    long = ["a" * 64, *(f"brand-{number}" for number in range(9))]
    tweets = [labelled(0, topics=["pets", "rain"]), labelled(1), labelled(2, topics=long)]
    publish(embedded_stack, env["KAFKA_OUTPUT_TOPIC"], tweets)
    page = opened(browser, start_page(env), viewport={"width": width, "height": 800})
    expect(page.locator("#tweets .text")).to_have_text(["tweet 2", "tweet 1", "tweet 0"])
    expect(page.locator("#tweets .topics")).to_have_text([f"About {', '.join(long)}", "About pets, rain"])
    assert serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
