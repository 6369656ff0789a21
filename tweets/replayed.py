"""The headers of a replayed record: a dead letter's original that was sent to the input topic again."""

from typing import Final

from tweets.headers import INPUT_TIMESTAMP, decimal, last
from tweets.records import Headers

TWEET_ID: Final = "emotion.tweet.id"
"""The id of a tweet whose JSON has none: the one that the first record of the tweet had, from its position."""

ROUND: Final = "emotion.replay.round"
"""How many times the record was sent to the input topic again, in decimal digits."""

HEADERS: Final = {
    TWEET_ID: "Only for a tweet without an id: `<topic>-<partition>-<offset>` of the first record, which the labelled "
    "tweet gets as its `id`.",
    INPUT_TIMESTAMP: "Timestamp of the first record, in Unix milliseconds; where the dead letter does not "
    "have it from an earlier replay, the timestamp of the dead letter. A tweet without `created_at` counts at this "
    "time. A tweet whose time is more than `WINDOW_LATE_MINUTES` behind the newest of its partition, as that of most "
    "replayed tweets, counts in the totals and as late, and in no minute, hour or day.",
    ROUND: "How many times the record was replayed; `--max-rounds` limits this number. Of an input topic with labelled "
    "tweets of another stream, the header is that of the other stream's replays, and counts here too.",
}
"""Header → meaning, of the headers that a replay adds; see docs/reference.md."""

_ROUND_DIGITS: Final = 9


def kept_id(headers: Headers) -> str | None:
    """Return the id in the header TWEET_ID, the last one; None without a usable header."""
    return last(headers, TWEET_ID).decode("utf-8", "replace") or None


def replay_round(headers: Headers) -> int:
    """Return how many times the record was replayed; 0 for a record that no replay has sent."""
    return decimal(last(headers, ROUND), _ROUND_DIGITS) or 0
