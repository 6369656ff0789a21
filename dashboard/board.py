"""The latest of everything that the page shows: one thread writes each part, the web server reads all parts."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dashboard.chart_history import MinuteCounts, chart_history
from dashboard.hashtags import HashtagSummary
from dashboard.lag import Lag
from dashboard.stream_statistics import StreamSummary
from tweets.timestamps import rfc3339_s


class ServiceState(StrEnum):
    """What the page knows about Kafka or Redis. `sentence` follows the service's name in a text for people."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "ServiceState":
        """Make a member of its value in JSON and its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    CONNECTING = "connecting", "is not connected yet"
    ANSWERS = "answers", "answers"
    SILENT = "silent", "does not answer"
    REFUSES = "refuses", "refuses the login or a request of this page; the page's log has the reason"


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The state of the service `name`; `missing_topics` are those of the page's topics that Kafka does not have."""

    name: str
    state: ServiceState = ServiceState.CONNECTING
    missing_topics: tuple[str, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether the figures from this service are up to date."""
        return self.state is ServiceState.ANSWERS

    @property
    def notice(self) -> str:
        """A sentence for people, empty if nothing is wrong."""
        if self.missing_topics:
            several = len(self.missing_topics) > 1
            topics = f"topic{'s' if several else ''} {' and '.join(self.missing_topics)}"
            return f"{self.name} answers, but the {topics} {'do' if several else 'does'} not exist yet."
        return "" if self.answers else f"{self.name} {self.state.sentence}."

    def as_json(self) -> dict[str, Any]:
        """Return the fields that a page is sent."""
        return {"state": self.state, "notice": self.notice}


class Board:
    """Each part is replaced as a whole and never changed, so that a reader always sees a consistent part."""

    def __init__(self) -> None:
        self.kafka = ServiceStatus("Kafka")
        self.redis = ServiceStatus("Redis")
        self.counts: Mapping[str, int] | None = None
        self.stream = StreamSummary()
        self.lag: Lag | None = None
        self.minutes = MinuteCounts()
        self.subjects: Mapping[str, int] | None = None
        """Tweet topic → Unix second since when it is counted; None until Redis has answered."""
        self.hashtags: HashtagSummary | None = None

    def snapshot(self) -> "Board":
        """Return the parts of this moment: what a page is sent together must agree."""
        return copy(self)

    def state(self) -> dict[str, Any]:
        """Return the figures of this moment; an unknown figure is None, unknown rates are empty."""
        stream, lag = self.stream, self.lag
        latency, quality = stream.latency, stream.quality
        return {
            "kafka": self.kafka.as_json(),
            "redis": self.redis.as_json(),
            "counts": None if self.counts is None else dict(self.counts),
            "rates": {label: round(rate, 3) for label, rate in stream.rates.items()},
            "lag": lag and {"records": lag.records, "seconds": None if lag.seconds is None else round(lag.seconds, 1)},
            "latency": latency
            and {
                "p50_ms": round(1000 * latency.p50_s),
                "p95_ms": round(1000 * latency.p95_s),
                "tweets": latency.tweets,
            },
            "quality": quality
            and {
                "tweets": quality.tweets,
                "accuracy": round(quality.accuracy, 4),
                "macro_f1": round(quality.macro_f1, 4),
            },
        }

    def tweets(self) -> list[dict[str, Any]]:
        """Return the last labelled tweets, newest first."""
        return [tweet.as_json() for tweet in self.stream.recent]

    def topics(self) -> list[dict[str, Any]]:
        """Return the tweet topics that are counted, by name."""
        return [{"name": name, "since": rfc3339_s(since_s)} for name, since_s in (self.subjects or {}).items()]

    def history(self) -> dict[str, Any]:
        """Return the tweets per second of each emotion at the end of each closed bucket, oldest first."""
        return chart_history(self.stream, self.minutes)
