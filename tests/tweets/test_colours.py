"""One colour per emotion, and a grey for neutral that is seen on light and dark backgrounds."""

import re
from pathlib import Path
from typing import Final

import pytest

from tweets.colours import EMOTION_COLOURS, NEUTRAL_COLOUR, PALETTE, colours
from tweets.emotions import EMOTIONS, NEUTRAL

STATIC: Final = Path(__file__).parents[2] / "dashboard/static"
GRAFANA: Final = ("#ffffff", "#181b1f")
"""The background of Grafana's panels, light and dark."""

GRAPHICS: Final = 3.0
"""The contrast that WCAG 2.2 demands for graphical objects (1.4.11)."""


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def page_backgrounds() -> list[str]:
    """Return the backgrounds of the page's cards, light and dark."""
    css = (STATIC / "page.css").read_text(encoding="utf-8")
    return [found if len(found) == 7 else "#" + "".join(2 * digit for digit in found[1:])
            for found in re.findall(r"--card: (#[0-9a-f]{3,6});", css)]  # fmt: skip


def test_neutral_has_a_colour_of_its_own() -> None:
    assert len(set(EMOTION_COLOURS.values())) == len(EMOTIONS) + 1
    assert NEUTRAL_COLOUR not in PALETTE
    assert colours((*EMOTIONS, NEUTRAL)) == EMOTION_COLOURS


@pytest.mark.parametrize("background", [*page_backgrounds(), *GRAFANA])
def test_the_grey_of_neutral_is_seen_on_every_background(background: str) -> None:
    assert contrast(NEUTRAL_COLOUR, background) >= GRAPHICS


def test_the_page_shows_neutral_in_the_same_grey_without_a_threshold() -> None:
    assert f'const GREY = "{NEUTRAL_COLOUR}";' in (STATIC / "show.js").read_text(encoding="utf-8")


def test_another_label_has_the_colour_of_its_position() -> None:
    assert colours(("calm", "joy")) == {"calm": PALETTE[0], "joy": EMOTION_COLOURS["joy"]}
