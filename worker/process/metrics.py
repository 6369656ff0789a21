"""Every metric of the worker: name, HELP text, labels, buckets, what to do when the metric looks wrong. No logic."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any, Final

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
from tweets.unfamiliar_tokens import UNFAMILIAR_ABOVE
from worker.process.declared_metric import DeclaredMetric

STAGES: Final = ("wait", "decode", "tokenize", "infer", "encode", "publish", "commit")
TRANSACTION_OUTCOMES: Final = ("committed", "aborted")
CACHE_OUTCOMES: Final = ("hit", "repeat", "miss")
PUBLISH_OUTCOMES: Final = ("applied", "stale", "failed")

# Histograms resolve what the metric is read for: small batches and full ones, passes below and above the default of
# BATCH_MAX_TOKENS, a stage from 1 ms to its time limit, delays around one second, confidences near 1, shares of
# unfamiliar tokens around UNFAMILIAR_ABOVE.
_BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
_TOKEN_BUCKETS: Final = (16, 32, 64, 128, 256, 384, 512, 768, 1024, 2048, 4096, 8192, 16384, 65536)
_STAGE_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_END_TO_END_BUCKETS: Final = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60, 300, 3600,
)  # fmt: skip
_CONFIDENCE_BUCKETS: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
_UNFAMILIAR_BUCKETS: Final = (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, UNFAMILIAR_ABOVE, 0.4, 0.5, 0.6, 0.8, 1)


class Metrics:
    """The worker's metrics in one registry; what is counted per tweet is counted after the commit of the tweet."""

    consumed = DeclaredMetric(
        Counter,
        "emotion_tweets_consumed",
        "Input records whose labelled tweet or dead letter is committed.",
        advice="Stays the same while `emotion_consumer_lag` is above 0: the worker does not commit; read its log.",
    )
    classified = DeclaredMetric(
        Counter,
        "emotion_tweets_classified",
        "Labelled tweets committed, by emotion.",
        ["emotion"],
        advice="The shares of the emotions change suddenly: read tweets of the output topic; see EmotionMixShifted.",
    )
    dead_lettered = DeclaredMetric(
        Counter,
        "emotion_tweets_dead_lettered",
        "Dead letters committed, by reason.",
        ["reason"],
        advice="Grows quickly: look up the reason above and read a few dead letters.",
    )
    subject_tweets = DeclaredMetric(
        Counter,
        "emotion_subject_tweets",
        "Labelled tweets committed that belong to a tweet topic of TOPICS_FILE, by the name of the tweet topic and the "
        "emotion. A tweet of several tweet topics counts in each; late tweets count too.",
        ["subject", "emotion"],
        advice="A tweet topic stays at 0: read its terms again. The shares jump: see SubjectEmotionJumped.",
    )
    topics_file_ok = DeclaredMetric(
        Gauge,
        "emotion_topics_file_ok",
        "0 while TOPICS_FILE has changed and cannot be used: the worker keeps the previous tweet topics; else 1.",
        advice="0: correct the file; the worker's log names the place. See TopicsFileUnusable.",
    )
    late_tweets = DeclaredMetric(
        Counter,
        "emotion_late_tweets",
        "Labelled tweets committed that are more than WINDOW_LATE_MINUTES older than the newest tweet of their "
        "partition: they count in the totals, in no minute, hour or day.",
        advice="Grows steadily: tweets arrive late, or a producer sends old ones; raise `WINDOW_LATE_MINUTES`.",
    )
    batch_tweets = DeclaredMetric(
        Histogram,
        "emotion_batch_tweets",
        "Records in one committed transaction.",
        buckets=_BATCH_BUCKETS,
        advice="Small batches under load: raise `BATCH_MAX_WAIT_MS`. A backlog makes large batches.",
    )
    pass_tokens = DeclaredMetric(
        Histogram,
        "emotion_pass_tokens",
        "Tokens in one pass of the model; kind is real or padded, which counts the padding too.",
        ["kind"],
        buckets=_TOKEN_BUCKETS,
        advice="`padded` far above `real`: batches are too small to sort texts of one length together.",
    )
    stage_seconds = DeclaredMetric(
        Histogram,
        "emotion_stage_seconds",
        "Seconds that a batch spent in wait, decode, tokenize, infer, encode, publish or commit.",
        ["stage"],
        buckets=_STAGE_BUCKETS,
        advice="`infer` dominates: the model is the limit, add workers on other machines or a GPU. "
        "`publish` or `commit` dominate: the brokers are slow, or batches are too small.",
    )
    cache = DeclaredMetric(
        Counter,
        "emotion_cache",
        "Texts by where their scores came from: hit, from CACHE_MAX_TWEETS; repeat, from an equal text of the batch; "
        "miss, from the model. Counted before the commit.",
        ["outcome"],
        advice="Mostly `miss` with a cache: the tweets differ; set `CACHE_MAX_TWEETS` to 0.",
    )
    end_to_end_seconds = DeclaredMetric(
        Histogram,
        "emotion_end_to_end_seconds",
        "Seconds from the timestamp of an input record to the commit of its result.",
        buckets=_END_TO_END_BUCKETS,
        advice="High with lag: add workers. High without lag: a producer's clock is wrong, or records are old.",
    )
    confidence = DeclaredMetric(
        Histogram,
        "emotion_confidence",
        "Confidence of labelled tweets, by emotion.",
        ["emotion"],
        buckets=_CONFIDENCE_BUCKETS,
        advice="Falls: the tweets differ from those that the model was trained on; train with such tweets.",
    )
    unfamiliar_tokens = DeclaredMetric(
        Histogram,
        "emotion_unfamiliar_tokens",
        "Share of the tokens of a labelled tweet that the tokenizer does not know as a word, from 0 to 1. A tweet "
        f"above {UNFAMILIAR_ABOVE} is probably not English. Counts nothing if the model's tokenizer is not WordPiece.",
        buckets=_UNFAMILIAR_BUCKETS,
        advice=f"Many tweets above {UNFAMILIAR_ABOVE}: their labels are unreliable; find the producer of tweets in "
        "other languages.",
    )
    confusion = DeclaredMetric(
        Counter,
        "emotion_confusion",
        "Labelled tweets committed whose input has a label that the model knows, by that label and the emotion.",
        ["label", "emotion"],
        advice="Many tweets off the diagonal: evaluate the model with `python -m training evaluate`.",
    )
    consumer_lag = DeclaredMetric(
        Gauge,
        "emotion_consumer_lag",
        "Input records that the group has not committed, of each partition that this worker owns. Transaction markers, "
        "aborted records and records of open transactions do not count.",
        ["topic", "partition"],
        advice="Grows on all partitions: add workers. Grows on one: one key has most of the tweets, or a worker hangs.",
    )
    consumer_lag_seconds = DeclaredMetric(
        Gauge,
        "emotion_consumer_lag_seconds",
        "While records wait, the age of the oldest of them that is fetched, or of the last committed record; else 0. "
        "After a start, a partition has no value until its first record is fetched.",
        ["topic", "partition"],
        advice="Grows by one second per second: nothing is committed; see LagWithoutCommits.",
    )
    checkpoint_restores = DeclaredMetric(
        Counter,
        "emotion_checkpoint_restores",
        "Partitions whose state came from the checkpoint topic: the committed offset or its metadata was missing.",
        advice="Above 0: the group lost its offsets, or a tool moved them; see StateRestored.",
    )
    records_skipped = DeclaredMetric(
        Counter,
        "emotion_records_skipped",
        "Offsets of input records that Kafka deleted before a worker read the records.",
        ["topic", "partition"],
        advice="Above 0: tweets are lost. Raise the retention of the input topic above the longest outage; "
        "see RecordsSkipped.",
    )
    transactions = DeclaredMetric(
        Counter,
        "emotion_transactions",
        "Transactions that ended, by outcome: committed or aborted.",
        ["outcome"],
        advice="`aborted` grows steadily: the log names the refused step; see TransactionsAborted.",
    )
    kafka_silent_seconds = DeclaredMetric(
        Gauge,
        "emotion_kafka_silent_seconds",
        "Seconds since a broker last answered the worker's consumer, at the time of the scrape; 0 until the worker has "
        "a consumer. A worker without records or partitions gets an answer every few seconds.",
        advice="Above 30: no broker answers, and `/readyz` fails; see KafkaSilent.",
    )
    rebalances = DeclaredMetric(
        Counter,
        "emotion_rebalances",
        "New generations of the group, and changes of this worker's partitions.",
        advice="Grows while no worker starts or stops: find the busy machine, or raise `KAFKA_SESSION_TIMEOUT_MS`.",
    )
    counts_published = DeclaredMetric(
        Counter,
        "emotion_counts_published",
        "Running counts of a partition sent to Redis, by outcome: applied, stale or failed.",
        ["outcome"],
        advice="`failed`: Redis does not answer or cannot write. `stale` repeatedly: run "
        "`python -m worker verify --repair`. See RedisBehind.",
    )
    windows_published = DeclaredMetric(
        Counter,
        "emotion_windows_published",
        "Minutes, hours and days of a partition sent to Redis, by outcome: applied, stale or failed.",
        ["outcome"],
        advice="As `emotion_counts_published_total`; `failed` alone: the log names a key or a command.",
    )
    first_fetch = DeclaredMetric(
        Gauge,
        "emotion_first_fetch_timestamp_seconds",
        "Unix time of the first record that the worker fetched.",
        advice="0: the worker has fetched nothing. The input topic is empty, or the worker owns no partition.",
    )
    last_commit = DeclaredMetric(
        Gauge,
        "emotion_last_commit_timestamp_seconds",
        "Unix time of the last commit.",
        advice="Long ago while records wait: see LagWithoutCommits.",
    )
    build_info = DeclaredMetric(
        Gauge,
        "emotion_build_info",
        "Always 1; the labels are the worker's version, its model, device and inference engine.",
        ["version", "model", "device", "engine"],
        advice="Workers differ for long: an update has stopped half-way.",
    )

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        # Each counter would get a second series with the time of its creation, which no dashboard uses.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, processor time, open files, start; on Linux
        PlatformCollector(registry=self.registry)
        for attribute, metric in declared_metrics():
            setattr(self, attribute, metric.register(self.registry))

    def show_zeros(self, emotions: Sequence[str]) -> None:
        """Create every labelled series at the start, so that rates and alerts see 0 and not nothing."""
        for emotion in emotions:
            self.classified.labels(emotion)
            self.confidence.labels(emotion)
            for label in emotions:
                self.confusion.labels(label, emotion)
        for reason in REASONS:
            self.dead_lettered.labels(reason)
        for stage in STAGES:
            self.stage_seconds.labels(stage)
        for outcome in CACHE_OUTCOMES:
            self.cache.labels(outcome)
        for outcome in TRANSACTION_OUTCOMES:
            self.transactions.labels(outcome)
        for outcome in PUBLISH_OUTCOMES:
            self.counts_published.labels(outcome)
            self.windows_published.labels(outcome)

    def show_subjects(self, subjects: Iterable[str], emotions: Sequence[str]) -> None:
        """Create the series of each tweet topic and emotion."""
        for subject, emotion in product(subjects, emotions):
            self.subject_tweets.labels(subject, emotion)

    def forget_subjects(self, subjects: Iterable[str], emotions: Sequence[str]) -> None:
        """Remove the series of tweet topics that no longer exist: files that change do not add series without end."""
        for subject, emotion in product(subjects, emotions):
            self.subject_tweets.remove(subject, emotion)


def declared_metrics() -> Iterator[tuple[str, DeclaredMetric[Any]]]:
    """Yield attribute and declaration of every metric, in the order of the class."""
    for attribute, value in vars(Metrics).items():
        if isinstance(value, DeclaredMetric):
            yield attribute, value
