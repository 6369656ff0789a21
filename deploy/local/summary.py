"""The results of a replay: a table for people and one JSON object for programs."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import isnan

from rich.console import Console
from rich.table import Table

from deploy.local.metrics import ScrapedMetrics, quantile
from tweets.classification_scores import ClassificationScores
from tweets.labelled_tweet import LabelledTweet

_FIRST_FETCH = "emotion_first_fetch_timestamp_seconds"
_LAST_COMMIT = "emotion_last_commit_timestamp_seconds"
_END_TO_END = "emotion_end_to_end_seconds"


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """The results of a replay; a figure without measurements is None."""

    tweets: int
    classified: int
    dead_lettered: int
    counts: Mapping[str, int]
    scores: ClassificationScores | None
    """Over the tweets whose label the model can give."""
    not_scored: Mapping[str, int]
    """Tweets by label, of the labels that the model cannot give."""
    tweets_per_second: float | None
    engine_tweets_per_second: float | None
    latency_ms: Mapping[str, float | None]
    topics: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Tweets by tweet topic and emotion, of the tweet topics to which a tweet belongs."""

    def as_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(
            {
                "tweets": self.tweets,
                "classified": self.classified,
                "dead_lettered": self.dead_lettered,
                "counts": dict(self.counts),
                "accuracy": round(self.scores.accuracy, 4) if self.scores else None,
                "macro_f1": round(self.scores.macro_f1, 4) if self.scores else None,
                "scored": self.scores.tweets if self.scores else 0,
                "not_scored": dict(self.not_scored),
                "tweets_per_second": self.tweets_per_second,
                "engine_tweets_per_second": self.engine_tweets_per_second,
                "latency_ms": dict(self.latency_ms),
                "topics": {name: dict(counts) for name, counts in self.topics.items()},
            }
        )

    def show(self) -> None:
        """Print the table and the lines below the table on stderr."""
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(self._table())
        if self.topics:
            console.print(self._topics_table())
        console.print(f"{self.tweets:,} tweets in, {self.classified:,} labelled, {self.dead_lettered:,} dead letters")
        if self.scores:
            console.print(
                f"accuracy {self.scores.accuracy:.4f}, macro-F1 {self.scores.macro_f1:.4f} "
                f"on the {self.scores.tweets:,} tweets whose label in the data set is one of the model's labels"
            )
        if self.not_scored:
            counts = ", ".join(f"{label} {count:,}" for label, count in self.not_scored.items())
            console.print(f"not scored, because the model cannot give the label: {counts}")
        console.print(
            f"{_figure(self.tweets_per_second)} tweets/s from the first fetch to the last commit, "
            f"{_figure(self.engine_tweets_per_second)} tweets/s by the classifier alone"
        )
        latency = ", ".join(f"{name} {_figure(value)} ms" for name, value in self.latency_ms.items())
        console.print(f"latency from a record's timestamp to its commit: {latency}")

    def _table(self) -> Table:
        table = Table("emotion")
        headings = ["tweets", "precision", "recall"] if self.scores else ["tweets"]
        for heading in headings:
            table.add_column(heading, justify="right")
        for emotion, count in self.counts.items():
            table.add_row(emotion, f"{count:,}", *self._precision_and_recall(emotion))
        return table

    def _topics_table(self) -> Table:
        table = Table("tweet topic")
        table.add_column("tweets", justify="right")
        table.add_column("most frequent emotion")
        for name, counts in self.topics.items():
            most, count = max(counts.items(), key=lambda each: each[1])
            tweets = sum(counts.values())
            table.add_row(name, f"{tweets:,}", f"{most} ({count / tweets:.0%})")
        return table

    def _precision_and_recall(self, emotion: str) -> list[str]:
        if self.scores is None:
            return []
        known = (self.scores.precision.get(emotion), self.scores.recall.get(emotion))
        return ["-" if score is None else f"{score:.3f}" for score in known]


def confusion_by_labels(
    confusion: Mapping[tuple[str, str], int], emotions: Collection[str]
) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Return the counts of (true label, predicted label) whose true label is one of `emotions`, and the others.

    The others are counted by true label, in alphabetical order.
    """
    scored = {pair: count for pair, count in confusion.items() if pair[0] in emotions}
    others: Counter[str] = Counter()
    for (label, _), count in confusion.items():
        if label not in emotions:
            others[label] += count
    return scored, dict(sorted(others.items()))


def counts_by_topic(labelled: Iterable[LabelledTweet]) -> dict[str, dict[str, int]]:
    """Return tweets by tweet topic and emotion, the most frequent of both first."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for tweet in labelled:
        for name in tweet.topics:
            counts[name][tweet.emotion] += 1
    by_tweets = sorted(counts.items(), key=lambda each: (-each[1].total(), each[0]))
    return {name: dict(emotions.most_common()) for name, emotions in by_tweets}


def tweets_per_second(metrics: ScrapedMetrics, tweets: int) -> float | None:
    """Return the rate from the worker's first fetch to its last commit; None if nothing was committed."""
    seconds = metrics.get(_LAST_COMMIT, 0.0) - metrics.get(_FIRST_FETCH, 0.0)
    return round(tweets / seconds, 1) if tweets and seconds > 0 else None


def latency_ms(metrics: ScrapedMetrics) -> dict[str, float | None]:
    """Return percentiles of the milliseconds from a record's timestamp to its commit."""
    buckets = metrics.buckets(_END_TO_END)
    return {name: _rounded(1000 * quantile(share, buckets)) for name, share in _PERCENTILES.items()}


_PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def _rounded(value: float) -> float | None:
    return None if isnan(value) else round(value, 1)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
