"""The chart's history: what was read from the output topic, and the minutes in Redis where nothing was read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.stream_statistics import BUCKET_S, StreamSummary
from tweets.periods import Period


@dataclass(frozen=True, slots=True)
class MinuteCounts:
    """Minute of Unix time → emotion → tweets of that minute, as Redis had them at `at_s`, in Unix seconds.

    A minute without a count has no entry.
    """

    at_s: float = 0.0
    counts: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    def rate(self, label: str, at_s: float) -> float | None:
        """Return the tweets per second in the minute of `at_s`; None before the first minute that is known."""
        minute = Period.of("minute", int(1000 * at_s))
        if not self.counts or minute.number < min(self.counts) or at_s > self.at_s:
            return None
        span_s = max(1.0, min(self.at_s, minute.end_ms / 1000) - minute.start_ms / 1000)
        return self.counts.get(minute.number, {}).get(label, 0) / span_s


def chart_history(stream: StreamSummary, minutes: MinuteCounts) -> dict[str, Any]:
    """Return the fields that a page is sent; None is a rate that neither the output topic nor Redis has given."""
    series = {
        label: [
            _rounded(minutes.rate(label, stream.history_from_s + place * BUCKET_S) if rate is None else rate)
            for place, rate in enumerate(rates)
        ]
        for label, rates in stream.history.items()
    }
    columns = [any(rate is not None for rate in rates) for rates in zip(*series.values(), strict=True)]
    unknown = columns.index(True) if True in columns else len(columns)
    return {
        "from": stream.history_from_s + unknown * BUCKET_S,
        "series": {label: rates[unknown:] for label, rates in series.items()},
    }


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 3)
