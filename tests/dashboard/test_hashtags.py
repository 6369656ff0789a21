"""Which hashtags a text has, and which of them rise."""

import random

import pytest

from dashboard.hashtags import EACH_MAX, LENGTH_MAX, SLOT_S, TIMES_MIN, Hashtags, hashtags_of
from tweets.subjects import Subject, SubjectMatcher

START_S = 1_778_000_100.0
"""The beginning of a slot: 2026-05-05T16:55:00Z."""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rain #Rain, again #RAIN!", ["#rain"]),
        ("#one#two (#three) .#four", ["#one", "#three", "#four"]),
        ("no#tag &#39; example.org/#part # 5 #2026", []),
        ("#2026goals #a_b #c-d", ["#2026goals", "#a_b", "#c"]),
        ("#Straße \uff03wide #\uff21", ["#strasse", "#wide", "#a"]),
        ("#हिन्दी #日本 #👍 #é́", ["#हिन्दी", "#日本", "#é́"]),
        ("#Pe\u00adts #ti\u200bger \ufe5fsmall", ["#pets", "#tiger", "#small"]),
        ("猫#pets #pets犬 ##two #don\u2019t", ["#pets", "#pets犬", "#two", "#don"]),
        ("#" + "a" * LENGTH_MAX, ["#" + "a" * LENGTH_MAX]),
        ("#" + "a" * (LENGTH_MAX + 1) + " #b", ["#b"]),
    ],
)
def test_hashtags_are_found_as_tweet_topics_find_them(text: str, found: list[str]) -> None:
    assert hashtags_of(text) == found
    assert list(SubjectMatcher([Subject(hashtag, (hashtag,)) for hashtag in found]).find(text)) == found


def test_a_tweet_counts_for_at_most_so_many_hashtags() -> None:
    assert len(hashtags_of(" ".join(f"#a{number}" for number in range(50)))) == EACH_MAX


def counted(*uses: tuple[str, float, int]) -> Hashtags:
    """Return the counts after so many uses of a hashtag, all so many minutes after START_S."""
    hashtags = Hashtags(START_S - SLOT_S)
    for name, minutes, times in uses:
        at_s = START_S + 60 * minutes
        for _ in range(times):
            hashtags.add(at_s, f"so {name}", at_s)
    return hashtags


def test_the_hashtags_that_grew_most_come_first_and_those_that_fell_are_left_out() -> None:
    hashtags = counted(
        ("#steady", 30, 100),
        ("#fell", 30, 100),
        ("#steady", 90, 105),
        ("#fell", 90, 20),
        ("#new", 91, 30),
        ("#rare", 92, TIMES_MIN - 1),
    )
    summary = hashtags.summary(START_S + 119 * 60)
    assert [(each.hashtag, each.last_hour, each.hour_before) for each in summary.hashtags] == [
        ("#new", 30, 0),
        ("#steady", 105, 100),
    ]
    assert (summary.error_max, summary.minutes_before) == (0, 60)


def test_before_an_hour_was_read_the_most_frequent_hashtags_are_named_and_nothing_is_compared() -> None:
    summary = counted(("#a", 1, 20), ("#b", 20, 40)).summary(START_S + 45 * 60)
    assert [(each.hashtag, each.last_hour, each.hour_before) for each in summary.hashtags] == [
        ("#b", 40, None),
        ("#a", 20, None),
    ]
    assert summary.minutes_before == 0
    assert summary.as_json()["from"] == "2026-05-05T16:50:00Z"


def test_an_hour_before_of_which_a_part_was_read_is_compared_by_its_rate() -> None:
    hashtags = counted(("#same", 5, 20), ("#same", 40, 90), ("#more", 5, 20), ("#more", 40, 240))
    summary = hashtags.summary(START_S + 70 * 60)
    assert summary.minutes_before == 15
    assert [each.hashtag for each in summary.hashtags] == ["#more", "#same"]


def test_hours_that_are_over_are_forgotten_and_a_future_time_is_now() -> None:
    hashtags = counted(("#old", 1, 50))
    later_s = START_S + 10 * 3600
    for _ in range(20):
        hashtags.add(later_s + 999_999, "#next", later_s)
        hashtags.add(START_S, "#old", later_s)
    summary = hashtags.summary(later_s)
    assert [(each.hashtag, each.hour_before) for each in summary.hashtags] == [("#next", 0)]
    assert len(hashtags._slots) == 1


def test_among_very_many_hashtags_one_that_rises_is_found_within_the_error_that_is_stated() -> None:
    source = random.Random(3)
    hashtags = Hashtags(START_S - SLOT_S)
    texts = [f"#noise{number}" for number in range(60_000)] + ["#storm"] * 900
    source.shuffle(texts)
    for number, text in enumerate(texts):
        at_s = START_S + 3600 + 3599 * number / len(texts)
        hashtags.add(at_s, text, at_s)
    summary = hashtags.summary(START_S + 7199)
    first = summary.hashtags[0]
    assert first.hashtag == "#storm"
    assert first.at_least <= 900 <= first.last_hour <= 900 + summary.error_max
    assert summary.error_max <= len(texts) / 1000 + 12
