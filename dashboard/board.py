"""The latest of everything that the page shows: each part is written by one thread and read by the web server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.lag import Lag
from dashboard.tally import StreamSummary


@dataclass(frozen=True, slots=True)
class Service:
    """Whether Kafka or Redis answers; if not, `note` says what is wrong, for people."""

    answers: bool
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the page."""
        return {"answers": self.answers, "note": self.note}


class Board:
    """Parts are replaced as a whole, never changed, so that a reader always sees a consistent one."""

    def __init__(self) -> None:
        self.kafka = Service(False, "not connected yet")
        self.redis = Service(False, "not connected yet")
        self.counts: Mapping[str, int] | None = None
        self.stream = StreamSummary()
        self.lag: Lag | None = None

    def state(self) -> dict[str, Any]:
        """The figures of this moment; what is not known is None."""
        stream, lag = self.stream, self.lag
        latency, quality = stream.latency, stream.quality
        return {
            "kafka": self.kafka.as_json(),
            "redis": self.redis.as_json(),
            "counts": None if self.counts is None else dict(self.counts),
            "rates": {label: round(rate, 3) for label, rate in stream.rates.items()},
            "lag": lag and {"records": lag.records, "seconds": round(lag.seconds, 1)},
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
        """The last labelled tweets, newest first."""
        return [tweet.as_json() for tweet in self.stream.recent]

    def history(self) -> dict[str, Any]:
        """Tweets per second and emotion in each closed bucket, oldest first."""
        series = {label: list(values) for label, values in self.stream.history.items()}
        return {"from": self.stream.history_from_s, "series": series}
