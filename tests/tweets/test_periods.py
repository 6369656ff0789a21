"""Periods of event time, and the fold of labelled tweets into minutes."""

from tweets.periods import ALL, CountedTweet, Period, WindowTally

MINUTE_MS = 60_000
LATE_MS = 60 * MINUTE_MS


def joy(event_ms: int, *subjects: str) -> CountedTweet:
    return CountedTweet(event_ms, "joy", subjects)


def test_a_period_knows_its_limits_and_the_periods_around_it() -> None:
    minute = Period.of("minute", 90_061_000)
    assert minute == Period("minute", 1501)
    assert (minute.start_ms, minute.end_ms) == (90_060_000, 90_120_000)
    assert minute.within("hour") == Period("hour", 25)
    assert minute.within("day") == Period("day", 1)
    assert Period.of("minute", -1) == Period("minute", -1)


def test_a_tweet_counts_once_for_all_tweets_and_once_for_each_of_its_subjects() -> None:
    tally = WindowTally(LATE_MS)
    changed, late = tally.add([joy(1_000, "brand-x", "weather"), CountedTweet(2_000, "fear", ("weather",))])
    assert (changed, late) == ({0}, 0)
    assert tally.minutes[0] == {
        (ALL, "joy"): 1,
        (ALL, "fear"): 1,
        ("brand-x", "joy"): 1,
        ("weather", "joy"): 1,
        ("weather", "fear"): 1,
    }


def test_a_tweet_is_late_from_a_millisecond_beyond_the_limit() -> None:
    tally = WindowTally(LATE_MS)
    changed, late = tally.add([joy(LATE_MS + 500), joy(500), joy(499)])
    assert (changed, late) == ({60, 0}, 1)
    assert tally.minutes[0] == {(ALL, "joy"): 1}


def test_the_result_does_not_depend_on_where_batches_end() -> None:
    tweets = [joy(minute * MINUTE_MS) for minute in (5, 3, 70, 9, 10, 200, 139, 140)]
    whole, parts = WindowTally(LATE_MS), WindowTally(LATE_MS)
    _, late = whole.add(tweets)
    assert sum(parts.add([each])[1] for each in tweets) == late == 2
    assert parts == whole


def test_a_period_closes_when_every_tweet_of_it_would_be_late() -> None:
    tally = WindowTally(LATE_MS)
    assert not tally.is_closed(Period("minute", 0))
    tally.add([joy(LATE_MS + MINUTE_MS - 1)])
    assert not tally.is_closed(Period("minute", 0))
    tally.add([joy(LATE_MS + MINUTE_MS)])
    assert tally.is_closed(Period("minute", 0))
    assert tally.add([joy(MINUTE_MS - 1)]) == (set(), 1)
    assert not tally.is_closed(Period("hour", 0))
