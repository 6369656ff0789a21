"""`python -m deploy.page_picture`: take docs/page.png, a picture of the live page during a replay of the sample.

The picture is of a real run: embedded servers, one worker, the live page, tweets with times of the last hour, and then
a producer at a steady rate.
"""

import argparse
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.local.demo import SAMPLE_TOPICS
from deploy.local.embedded import EmbeddedServers
from deploy.local.errors import LocalError, StopRequestedError
from deploy.local.ports import free_ports
from deploy.local.progress import say
from deploy.local.stack import LocalStack, program
from deploy.local.supervisor import Supervisor
from producer.connection import connected
from producer.deliveries import Deliveries
from producer.order import ReplayOrder, tweets
from tweets.datasets import SAMPLE, read_rows
from tweets.periods import PERIOD_MS
from tweets.timestamps import rfc3339_ms
from tweets.tweet import encode
from worker.errors import FatalError, TransientError
from worker.process.option_types import positive

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURE: Final = Path(__file__).parents[1] / "docs" / "page.png"

_CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_CHROMIUM_ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
_EMOJI_FONTS: Final = ("fc-list", ":lang=und-zsye")

_RATE: Final = 20
"""Tweets per second: lines of the chart that differ, and a list that is not replaced as a whole within a second."""

_SEED: Final = 7
"""Any seed: in a shuffled order, the six lines of the chart are alike."""

_TWEETS: Final = 1_600
"""Tweets of the replay in the counts, of 80 seconds: latency is of these tweets only."""

_HOUR_TWEETS: Final = 6_000
"""Tweets with times of the last hour, 100 a minute: one or two dozen of them belong to the tweet topic."""

_TOPIC: Final = "family"
"""The tweet topic that is compared with all tweets."""

_ROWS: Final = 6
"""Tweets of the list that are in the picture, which ends below the last of them."""

_LABELS: Final = 6
_TEXT: Final = "so happy to see you again, but I miss my old dog"

_FILLED_DEADLINE_S: Final = 180.0
"""More than twice what the tweets need."""

_ANSWER_DEADLINE_S: Final = 30.0
_OPEN_DEADLINE_MS: Final = 30_000
_HEIGHT_PX: Final = 900
"""Height of the window; the picture is as high as its content."""

_FAILED: Final = 1

_IS_FILLED: Final = """
([count, rows]) => {
  const texts = [...document.querySelectorAll("#tweets .text")].slice(0, rows).map((item) => item.textContent);
  const tiles = [...document.querySelectorAll("#throughput, #lag, #latency, #accuracy")];
  return Number(document.querySelector("#total").dataset.count) >= count
    && document.querySelectorAll("#series canvas").length === 2
    && tiles.every((tile) => tile.textContent !== "–")
    && texts.length === rows && texts.some((text) => /\\p{Emoji_Presentation}/u.test(text));
}
"""
_LAST_ROW_END: Final = "(row) => row.getBoundingClientRect().bottom + scrollY"


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the picture and return the exit code: 0, 1 after an error, 128 + n after signal n."""
    options = _parser().parse_args(arguments)
    supervisor = Supervisor()
    try:
        with supervisor.supervising():
            take_picture(options, supervisor)
    except StopRequestedError as interrupted:
        say("stopped")
        return 128 + interrupted.signum
    except LocalError as error:
        if error.log:
            say(error.log)
        say(f"error: {error}")
        return _FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.page_picture",
        description="Take a picture of the live page during a replay of the shipped sample. Chromium and a font with "
        "emoji are needed.",
    )
    parser.add_argument("--output", type=Path, default=PICTURE, help="the PNG file (default: docs/page.png)")
    parser.add_argument("--width", type=positive, default=1280, help="of the window, in pixels (default: %(default)s)")
    parser.add_argument("--dark", action="store_true", help="with the colours for dark mode")
    return parser


def take_picture(options: Namespace, supervisor: Supervisor) -> None:
    """Write `options.output`. Raises LocalError with one line if a program, the font or a server is missing."""
    chromium = find_chromium()
    require_emoji_font()
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise LocalError("playwright is not installed: pip install '.[dev]' in the project's folder") from None
    stack = _start(supervisor)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_CHROMIUM_ARGUMENTS))
        page = browser.new_page(
            viewport={"width": options.width, "height": _HEIGHT_PX}, color_scheme="dark" if options.dark else "light"
        )
        page.goto(stack.page, timeout=_OPEN_DEADLINE_MS)
        _fill(page, supervisor)
        height = page.locator("#tweets li").nth(_ROWS - 1).evaluate(_LAST_ROW_END)
        page.screenshot(
            path=options.output,
            full_page=True,
            clip={"x": 0, "y": 0, "width": options.width, "height": height},
        )
        browser.close()
    say(f"wrote {options.output}")


def find_chromium() -> str:
    """Return the path of Chromium. Raises LocalError if it is not installed."""
    for name in _CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    raise LocalError("Chromium is not installed: apt-get install chromium (Debian)")


def require_emoji_font() -> None:
    """Raise LocalError unless a font with emoji is installed: a browser would show boxes instead."""
    if shutil.which(_EMOJI_FONTS[0]) is None:
        raise LocalError("fc-list is not installed: apt-get install fontconfig (Debian)")
    if not subprocess.run(_EMOJI_FONTS, capture_output=True, text=True, check=False).stdout.strip():
        raise LocalError("no font with emoji is installed: apt-get install fonts-noto-color-emoji (Debian)")


def _start(supervisor: Supervisor) -> LocalStack:
    kafka_port, redis_port, metrics_port, page_port = free_ports(4)
    stack = LocalStack(EmbeddedServers(kafka_port, redis_port), metrics_port, page_port, topics_file=SAMPLE_TOPICS)
    stack.start(supervisor)
    _send_last_hour(stack)
    say(f"replaying the sample with {_RATE} tweets per second ...")
    replay = ["--dataset", "sample", "--rate", str(_RATE), "--seed", str(_SEED), "--loop"]
    supervisor.start("producer", program("producer", *replay), env=stack.environment)
    return stack


def _send_last_hour(stack: LocalStack) -> None:
    """Send tweets with times of the last hour, in the order of these times. Raises LocalError if Kafka refuses one."""
    hour_ms = PERIOD_MS["hour"]
    from_ms = time.time_ns() // 1_000_000 - hour_ms
    order = ReplayOrder(loop=True, seed=_SEED, limit=_HOUR_TWEETS)
    deliveries = Deliveries(window=_HOUR_TWEETS, limit_s=_ANSWER_DEADLINE_S)
    try:
        with connected(stack.settings) as send:
            for number, tweet in enumerate(tweets(lambda: read_rows(SAMPLE, "test"), prefix="hour", order=order)):
                dated = replace(tweet, created_at=rfc3339_ms(from_ms + number * hour_ms // _HOUR_TWEETS))
                deliveries.add(send(tweet.id.encode(), encode(dated)))
            deliveries.settle_all()
    except (FatalError, TransientError) as error:
        raise LocalError(str(error)) from None
    if deliveries.error is not None:
        raise LocalError(f"Kafka has not acknowledged {deliveries.failed} tweets: {deliveries.error}")


def _fill(page: "Page", supervisor: Supervisor) -> None:
    """Return once the page shows an explanation, and charts, tiles and list have their content."""
    page.fill("#text", _TEXT)
    page.press("#text", "Enter")
    answer = page.locator("#answer tbody tr")
    supervisor.wait(lambda: answer.count() == _LABELS, _ANSWER_DEADLINE_S, "the live page to explain a text")
    page.locator("#text").blur()
    page.select_option("#other-topic", _TOPIC, timeout=_OPEN_DEADLINE_MS)
    say(f"waiting for {_HOUR_TWEETS + _TWEETS} tweets ...")
    supervisor.wait(
        lambda: bool(page.evaluate(_IS_FILLED, [_HOUR_TWEETS + _TWEETS, _ROWS])),
        _FILLED_DEADLINE_S,
        "the live page to fill its charts, its tiles and its list",
    )


if __name__ == "__main__":
    sys.exit(main())
