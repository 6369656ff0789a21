"""Every metric of the worker: name, unit, labels and buckets. No logic."""

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from tweets.reasons import REASONS

STAGES = ("wait", "decode", "tokenize", "infer", "encode", "publish", "commit")

_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
_TOKEN_BUCKETS = (16, 32, 64, 128, 256, 384, 512, 768, 1024, 2048, 4096, 8192, 16384, 65536)
_STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_END_TO_END_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60, 300, 3600)
_CONFIDENCE_BUCKETS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)


class Metrics:
    """The worker's metrics in one registry; what is counted per tweet is counted after its commit."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        # They would be a second series for every counter, which nobody draws.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = registry or CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, processor time, open files, start; on Linux
        PlatformCollector(registry=registry)
        self.consumed = Counter(
            "emotion_tweets_consumed", "Input records whose result is committed.", registry=registry
        )
        self.classified = Counter(
            "emotion_tweets_classified", "Labelled tweets committed.", ["emotion"], registry=registry
        )
        self.dead_lettered = Counter(
            "emotion_tweets_dead_lettered", "Dead letters committed.", ["reason"], registry=registry
        )
        self.batch_tweets = Histogram(
            "emotion_batch_tweets", "Records in one transaction.", buckets=_BATCH_BUCKETS, registry=registry
        )
        self.pass_tokens = Histogram(
            "emotion_pass_tokens", "Tokens in one pass of the model.", ["kind"], buckets=_TOKEN_BUCKETS,
            registry=registry,
        )  # fmt: skip
        self.stage_seconds = Histogram(
            "emotion_stage_seconds", "Seconds a batch spent in a stage (tokenize, infer: a pass).", ["stage"],
            buckets=_STAGE_BUCKETS, registry=registry,
        )  # fmt: skip
        self.end_to_end_seconds = Histogram(
            "emotion_end_to_end_seconds", "Seconds from a record's timestamp to its commit.",
            buckets=_END_TO_END_BUCKETS, registry=registry,
        )  # fmt: skip
        self.confidence = Histogram(
            "emotion_confidence", "Confidence of labelled tweets.", ["emotion"], buckets=_CONFIDENCE_BUCKETS,
            registry=registry,
        )  # fmt: skip
        self.confusion = Counter(
            "emotion_confusion", "Labelled tweets committed that said their emotion, one the model knows.",
            ["label", "emotion"], registry=registry,
        )  # fmt: skip
        self.consumer_lag = Gauge(
            "emotion_consumer_lag", "Input records not yet committed.", ["topic", "partition"], registry=registry
        )
        self.consumer_lag_seconds = Gauge(
            "emotion_consumer_lag_seconds", "Age of the last committed record while records wait, else 0.",
            ["topic", "partition"], registry=registry,
        )  # fmt: skip
        self.transactions = Counter("emotion_transactions", "Transactions that ended.", ["outcome"], registry=registry)
        self.rebalances = Counter(
            "emotion_rebalances", "Changes of the group's generation or of the assignment.", registry=registry
        )
        self.counts_published = Counter(
            "emotion_counts_published", "Running counts told to Redis.", ["outcome"], registry=registry
        )
        self.first_fetch = Gauge(
            "emotion_first_fetch_timestamp_seconds", "Unix time of the first fetched record.", registry=registry
        )
        self.last_commit = Gauge(
            "emotion_last_commit_timestamp_seconds", "Unix time of the last commit.", registry=registry
        )
        self.build_info = Gauge(
            "emotion_build_info", "Always 1.", ["version", "model", "device", "engine"], registry=registry
        )

    def show_zeros(self, emotions: Sequence[str]) -> None:
        """Makes every labelled series exist from the start, so that rates and alerts see 0 and not nothing."""
        for emotion in emotions:
            self.classified.labels(emotion)
            self.confidence.labels(emotion)
            for label in emotions:
                self.confusion.labels(label, emotion)
        for reason in REASONS:
            self.dead_lettered.labels(reason)
        for stage in STAGES:
            self.stage_seconds.labels(stage)
        for outcome in ("committed", "aborted"):
            self.transactions.labels(outcome)
        for outcome in ("applied", "stale", "failed"):
            self.counts_published.labels(outcome)
