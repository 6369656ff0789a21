"""What has come out lately: rates, the last tweets, latency, quality. Pure: the clock is passed in."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from dashboard.labelled import Labelled
from tweets.classification_scores import ClassificationScores, classification_scores

BUCKET_S: Final = 2
BUCKETS: Final = 150
RATE_BUCKETS: Final = 5
RECENT: Final = 20
LATENCY_WINDOW_S: Final = 60.0
LATENCY_TWEETS: Final = 2_000
LATENCY_MAX_S: Final = 3_600.0
"""An older created_at tells when a tweet was written, not when it was sent."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Median and 95th percentile, in seconds, over so many tweets of the last minute."""

    p50_s: float
    p95_s: float
    tweets: int


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """The stream as it is now. `history`: emotion → tweets per second in each bucket since `history_from_s`."""

    rates: Mapping[str, float] = field(default_factory=dict)
    recent: tuple[Labelled, ...] = ()
    latency: Latency | None = None
    quality: ClassificationScores | None = None
    history_from_s: float = 0.0
    history: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Tally:
    """Collects labelled tweets as they arrive; one thread at a time. `clock` returns Unix seconds."""

    def __init__(self, labels: Iterable[str], clock: Callable[[], float]) -> None:
        self._labels = tuple(labels)
        self._clock = clock
        self._started_s = clock()
        self._buckets: dict[int, Counter[str]] = {}
        self._recent: deque[Labelled] = deque(maxlen=RECENT)
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._latencies: deque[tuple[float, float]] = deque(maxlen=LATENCY_TWEETS)

    def remember(self, tweets: Iterable[Labelled]) -> None:
        """Tweets from before the page's time: they are shown among the last ones, and count nothing."""
        self._recent.extend(sorted(tweets, key=lambda tweet: tweet.at_s))

    def add(self, tweets: Iterable[Labelled]) -> None:
        """Tweets that have just arrived."""
        now_s = self._clock()
        bucket = self._buckets.setdefault(_bucket(now_s), Counter())
        for tweet in sorted(tweets, key=lambda tweet: tweet.at_s):
            bucket[tweet.emotion] += 1
            self._recent.append(tweet)
            if tweet.label is not None:
                self._pairs[tweet.label, tweet.emotion] += 1
            if tweet.latency_s is not None and 0 <= tweet.latency_s <= LATENCY_MAX_S:
                self._latencies.append((now_s, tweet.latency_s))

    def summary(self) -> StreamSummary:
        """Everything as of now."""
        now_s = self._clock()
        self._forget(now_s)
        first = max(_bucket(now_s) - BUCKETS, _bucket(self._started_s))
        return StreamSummary(
            rates=self._rates(now_s),
            recent=tuple(reversed(self._recent)),
            latency=self._latency(),
            quality=classification_scores(self._pairs),
            history_from_s=first * BUCKET_S,
            history={label: self._series(label, first, _bucket(now_s)) for label in self._labels},
        )

    def _forget(self, now_s: float) -> None:
        oldest = _bucket(now_s) - BUCKETS
        self._buckets = {number: counts for number, counts in self._buckets.items() if number >= oldest}
        while self._latencies and self._latencies[0][0] < now_s - LATENCY_WINDOW_S:
            self._latencies.popleft()

    def _rates(self, now_s: float) -> dict[str, float]:
        """Tweets per second over the bucket that is open and the four before it, or since the start."""
        first = _bucket(now_s) - RATE_BUCKETS + 1
        span_s = max(1.0, now_s - max(first * BUCKET_S, self._started_s))
        sums: Counter[str] = Counter()
        for number, counts in self._buckets.items():
            if number >= first:
                sums.update(counts)
        return {label: sums[label] / span_s for label in self._labels}

    def _series(self, label: str, first: int, end: int) -> tuple[float, ...]:
        """Closed buckets only: the open one would always look like a fall."""
        none: Counter[str] = Counter()
        return tuple(self._buckets.get(number, none)[label] / BUCKET_S for number in range(first, end))

    def _latency(self) -> Latency | None:
        if not self._latencies:
            return None
        ranked = sorted(latency_s for _, latency_s in self._latencies)
        return Latency(_quantile(ranked, 0.5), _quantile(ranked, 0.95), len(ranked))


def _bucket(at_s: float) -> int:
    return int(at_s // BUCKET_S)


def _quantile(ranked: list[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    return ranked[ceil(share * len(ranked)) - 1]
