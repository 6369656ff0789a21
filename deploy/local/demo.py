"""`demo`: replay a data set through the stack, check that no tweet was lost or duplicated, print the results.

On a terminal the live page stays until Ctrl-C; elsewhere the program ends.
"""

import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import redis

from deploy.local.children import Child
from deploy.local.embedded import EmbeddedServers
from deploy.local.engine_speed import engine_tweets_per_second
from deploy.local.errors import LocalError, StopRequestedError
from deploy.local.metrics import ScrapedMetrics, scrape
from deploy.local.output import CommittedOutput
from deploy.local.ports import free_ports
from deploy.local.progress import DemoProgress, say
from deploy.local.stack import DEAD_LETTER_TOPIC, INPUT_TOPIC, KEY_PREFIX, OUTPUT_TOPIC, LocalStack, program
from deploy.local.summary import DemoSummary, confusion_by_labels, counts_by_topic, latency_ms, tweets_per_second
from deploy.local.supervisor import Supervisor
from tweets.classification_scores import classification_scores
from tweets.datasets import DatasetError, Row, read_rows
from tweets.emotions import NEUTRAL
from worker.inference.model_folder import open_model_folder
from worker.settings import Settings

_SPLIT: Final = "test"

SAMPLE_TOPICS: Final = Path(__file__).parents[1] / "topics" / "sample.yaml"

#: Longest wait of one poll; the progress is drawn between polls.
_READ_WAIT_S: Final = 0.2

#: A replay in which nothing comes out for this long has failed: longer than every retry of worker and producer.
_STALL_S: Final = 60.0

#: The worker updates its metrics just after a commit and publishes counts to Redis again every few seconds.
_SETTLE_S: Final = 15.0

_REDIS_TIMEOUT_S: Final = 5.0


def demo(options: Namespace, supervisor: Supervisor) -> int:
    """Print a summary on stderr and one JSON object as the last line of stdout; return the exit code.

    Raises LocalError if a program fails, if a tweet was lost or duplicated, or if Redis has other counts than Kafka.
    """
    rows = _rows(options.dataset, options.tweets)
    kafka_port, redis_port, metrics_port, page_port = free_ports(4)
    stack = _with_topics_file(LocalStack(EmbeddedServers(kafka_port, redis_port), metrics_port, page_port))
    stack.start(supervisor)
    emotions = _emotions(stack.settings)
    say(f"live page: {stack.page}")
    with CommittedOutput(stack.settings) as output:
        _replay(options, supervisor, stack, output, emotions=emotions, total=len(rows))
        metrics = _settled_metrics(supervisor, stack, output)
        _compare_with_redis(supervisor, stack, output)
    engine_rate = _engine_rate(rows, output, stack, supervisor)
    summary = _summary(output, metrics, emotions=emotions, tweets=len(rows), engine_rate=engine_rate)
    summary.show()
    print(summary.as_json(), flush=True)
    if sys.stdout.isatty():
        _stay(stack, supervisor)
    return 0


def _with_topics_file(stack: LocalStack) -> LocalStack:
    """Return the stack with the file of the shipped sample, unless the user has set TOPICS_FILE."""
    return stack if stack.settings.topics_file is not None else replace(stack, topics_file=SAMPLE_TOPICS)


def _stay(stack: LocalStack, supervisor: Supervisor) -> None:
    say(f"the live page stays at {stack.page} until Ctrl-C")
    try:
        supervisor.watch()
    except StopRequestedError:
        say("stopped")


def _rows(dataset: str, limit: int | None) -> list[Row]:
    """Return the rows to replay, so that a wrong data set is reported before any program is started."""
    try:
        rows = list(islice(read_rows(dataset, _SPLIT), limit))
    except DatasetError as error:
        raise LocalError(str(error)) from None
    if not rows:
        raise LocalError(f"the data set {dataset} has no tweets in its split {_SPLIT}")
    return rows


def _emotions(settings: Settings) -> Sequence[str]:
    """Return every label that the worker can give."""
    labels = open_model_folder(settings.model_path).labels
    return labels if settings.neutral_threshold is None else (*labels, NEUTRAL)


def _replay(
    options: Namespace,
    supervisor: Supervisor,
    stack: LocalStack,
    output: CommittedOutput,
    *,
    emotions: Sequence[str],
    total: int,
) -> None:
    """Return when the producer has ended and every tweet has come out, labelled or as a dead letter."""
    say(f"replaying {total:,} tweets of {options.dataset} ...")
    arguments = ["--dataset", options.dataset, "--split", _SPLIT, "--limit", str(total), "--rate", str(options.rate)]
    producer = supervisor.start("producer", program("producer", *arguments), env=stack.environment)
    stall = _Stall(_STALL_S + (1 / options.rate if options.rate else 0))
    with DemoProgress(total, emotions) as progress:
        while producer.exit_code is None or output.total < total:
            supervisor.check(ending=producer)
            if producer.exit_code:
                raise producer.died()
            output.read(_READ_WAIT_S)
            progress.show(output.total, output.counts)
            stall.check(output.total, total, producer)
    supervisor.finished(producer)
    _check_complete(output, total)


class _Stall:
    """Raise LocalError when no tweet has come out for `limit_s`."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._done = -1
        self._since_s = 0.0

    def check(self, done: int, total: int, producer: Child) -> None:
        now_s = time.monotonic()
        if done != self._done:
            self._done, self._since_s = done, now_s
        if now_s - self._since_s > self._limit_s:
            state = "still running" if producer.exit_code is None else "finished"
            raise LocalError(
                f"no tweet has come out of the worker for {self._limit_s:g} s: {done:,} of {total:,} tweets are "
                f"committed, the producer is {state}"
            )


def _check_complete(output: CommittedOutput, total: int) -> None:
    published = output.published(INPUT_TOPIC)
    if (published, output.total, output.duplicates) != (total, total, 0):
        raise LocalError(
            f"{total:,} tweets were replayed, but {published:,} records are on {INPUT_TOPIC} and {output.total:,} on "
            f"{OUTPUT_TOPIC} and {DEAD_LETTER_TOPIC} together, {output.duplicates:,} of them duplicates"
        )


def _settled_metrics(supervisor: Supervisor, stack: LocalStack, output: CommittedOutput) -> ScrapedMetrics:
    """Return the worker's metrics once they include the last batch, which is counted just after its commit."""

    def counted() -> bool:
        metrics = scrape(stack.metrics_port)
        done = metrics.total("emotion_tweets_classified_total") + metrics.total("emotion_tweets_dead_lettered_total")
        return done == output.total

    supervisor.wait(counted, _SETTLE_S, f"the worker's metrics to count {output.total:,} tweets")
    return scrape(stack.metrics_port)


def _compare_with_redis(supervisor: Supervisor, stack: LocalStack, output: CommittedOutput) -> None:
    key = f"{KEY_PREFIX}:counts"
    expected = dict(output.counts)
    with redis.Redis.from_url(
        stack.servers.redis_url, decode_responses=True, socket_timeout=_REDIS_TIMEOUT_S
    ) as client:

        def counts() -> dict[str, int]:
            return {emotion: int(count) for emotion, count in client.hgetall(key).items() if int(count)}

        try:
            supervisor.wait(lambda: counts() == expected, _SETTLE_S, f"Redis to hold the counts of {OUTPUT_TOPIC}")
        except LocalError as error:
            raise LocalError(f"{error}: {key} is {counts()}, committed are {expected}", error.log) from None


def _engine_rate(
    rows: Sequence[Row], output: CommittedOutput, stack: LocalStack, supervisor: Supervisor
) -> float | None:
    say("measuring the classifier alone on the same tweets ...")
    labelled = {tweet.text for tweet in output.labelled}
    texts = [row.text for row in rows if row.text in labelled]
    return engine_tweets_per_second(texts, stack.settings, supervisor.check)


def _summary(
    output: CommittedOutput,
    metrics: ScrapedMetrics,
    *,
    emotions: Collection[str],
    tweets: int,
    engine_rate: float | None,
) -> DemoSummary:
    pairs = Counter((tweet.label, tweet.emotion) for tweet in output.labelled if tweet.label is not None)
    scored, not_scored = confusion_by_labels(pairs, emotions)
    return DemoSummary(
        tweets=tweets,
        classified=len(output.labelled),
        dead_lettered=output.dead_lettered,
        counts={emotion: output.counts[emotion] for emotion in dict.fromkeys([*emotions, *output.counts])},
        scores=classification_scores(scored),
        not_scored=not_scored,
        tweets_per_second=tweets_per_second(metrics, output.total),
        engine_tweets_per_second=engine_rate,
        latency_ms=latency_ms(metrics),
        topics=counts_by_topic(output.labelled),
    )
