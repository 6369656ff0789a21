"""Statistics of the labelled tweets: rates, the last tweets, latency, accuracy. Pure: the clock is passed in."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from dashboard.shown_tweet import ShownTweet
from tweets.classification_scores import ClassificationScores, classification_scores

BUCKET_S: Final = 2
"""Seconds that one point of the chart covers."""

BUCKETS: Final = 150
"""Points of the chart: five minutes."""

RATE_BUCKETS: Final = 5
"""Buckets over which a rate is the mean: ten seconds, so that the rates of a slow stream do not jump."""

RATE_MIN_S: Final = 1.0
"""Seconds that must have been read before a rate is known: less would be the rate of a single batch."""

RECENT: Final = 20
"""Tweets in the list of the last tweets."""

LATENCY_WINDOW_S: Final = 60.0
LATENCY_TWEETS: Final = 2_000
"""The median is over the last minute, and over at most so many tweets: they are sorted four times a second."""

LATENCY_MAX_S: Final = 3_600.0
"""A tweet with an older created_at was written long before it was sent: the difference is no latency."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Median and 95th percentile in seconds, over `tweets` tweets of the last minute."""

    p50_s: float
    p95_s: float
    tweets: int


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """The stream at one moment; `quality` compares the predictions with the labels that tweets carry.

    `rates` is emotion → tweets per second, empty if unknown. `history` is emotion → tweets per second at the end of
    each closed bucket since `history_from_s`, in Unix seconds; None where the output topic was not read
    all the time.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    recent: tuple[ShownTweet, ...] = ()
    latency: Latency | None = None
    quality: ClassificationScores | None = None
    history_from_s: float = 0.0
    history: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)


class StreamStatistics:
    """Collects labelled tweets; only one thread may use the object. `clock` returns Unix seconds."""

    def __init__(self, labels: Iterable[str], clock: Callable[[], float]) -> None:
        self._labels = tuple(labels)
        self._clock = clock
        self._read_s: float | None = None
        self._buckets: dict[int, Counter[str]] = {}
        """Only buckets that were read without a pause since their beginning: after a pause, a backlog is read."""
        self._recent: deque[ShownTweet] = deque(maxlen=RECENT)
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._latencies: deque[tuple[float, float]] = deque(maxlen=LATENCY_TWEETS)

    def show_only(self, tweets: Iterable[ShownTweet]) -> None:
        """Add tweets from before the start of the page to the last tweets, and to no other figure."""
        self._recent.extend(sorted(tweets, key=lambda tweet: tweet.at_s))

    def add(self, tweets: Iterable[ShownTweet]) -> None:
        """Add what a read of the output topic returned to all figures, also if the read returned nothing."""
        now_s = self._clock()
        number = _bucket(now_s)
        if self._read_s is not None and _bucket(self._read_s) != number and now_s - self._read_s <= BUCKET_S:
            self._buckets[number] = Counter()
        self._read_s = now_s
        bucket = self._buckets.get(number, Counter[str]())
        for tweet in sorted(tweets, key=lambda tweet: tweet.at_s):
            bucket[tweet.emotion] += 1
            self._recent.append(tweet)
            if tweet.label is not None:
                self._pairs[tweet.label, tweet.emotion] += 1
            if tweet.latency_s is not None and 0 <= tweet.latency_s <= LATENCY_MAX_S:
                self._latencies.append((now_s, tweet.latency_s))

    def summary(self) -> StreamSummary:
        """Return all figures of this moment."""
        now_s = self._clock()
        self._forget(now_s)
        end = _bucket(now_s)
        first = end - BUCKETS
        return StreamSummary(
            rates=self._rates(now_s),
            recent=tuple(reversed(self._recent)),
            latency=self._latency(),
            quality=classification_scores(self._pairs),
            history_from_s=first * BUCKET_S,
            history={label: tuple(self._mean(label, number) for number in range(first, end)) for label in self._labels},
        )

    def _forget(self, now_s: float) -> None:
        oldest = _bucket(now_s) - BUCKETS - RATE_BUCKETS
        self._buckets = {number: counts for number, counts in self._buckets.items() if number >= oldest}
        while self._latencies and self._latencies[0][0] < now_s - LATENCY_WINDOW_S:
            self._latencies.popleft()

    def _rates(self, now_s: float) -> dict[str, float]:
        """Return tweets per second over the open bucket and the four before it; nothing if these were not read."""
        known = self._known(_bucket(now_s))
        span_s = sum(min(BUCKET_S, now_s - number * BUCKET_S) for number in known)
        if span_s < RATE_MIN_S:
            return {}
        sums = sum((self._buckets[number] for number in known), Counter[str]())
        return {label: sums[label] / span_s for label in self._labels}

    def _mean(self, label: str, number: int) -> float | None:
        """Return the rate over a closed bucket and the four before it; None if one of them was not read."""
        known = self._known(number)
        if len(known) < RATE_BUCKETS:
            return None
        return sum(self._buckets[each][label] for each in known) / (BUCKET_S * RATE_BUCKETS)

    def _known(self, last: int) -> list[int]:
        """Return the buckets that were read, of this bucket and the four before it."""
        return [number for number in range(last - RATE_BUCKETS + 1, last + 1) if number in self._buckets]

    def _latency(self) -> Latency | None:
        if not self._latencies:
            return None
        ranked = sorted(latency_s for _, latency_s in self._latencies)
        return Latency(_quantile(ranked, 0.5), _quantile(ranked, 0.95), len(ranked))


def _bucket(at_s: float) -> int:
    return int(at_s // BUCKET_S)


def _quantile(ranked: list[float], share: float) -> float:
    """Return the smallest value that at least this share of all values does not exceed."""
    return ranked[ceil(share * len(ranked)) - 1]
