"""`demo`: replays a data set through the stack, proves that nothing was lost, says what it came to.

On a terminal the live page stays until Ctrl-C; elsewhere the program ends.
"""

import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

import redis

from deploy.local.children import Child
from deploy.local.embedded import EmbeddedServers
from deploy.local.engine_speed import engine_tweets_per_second
from deploy.local.errors import LocalError, StopRequestedError
from deploy.local.metrics import Metrics, scrape
from deploy.local.output import Output
from deploy.local.ports import free_ports
from deploy.local.progress import Progress, say
from deploy.local.stack import DEAD_LETTER_TOPIC, INPUT_TOPIC, KEY_PREFIX, OUTPUT_TOPIC, LocalStack, program
from deploy.local.summary import Summary, latency_ms, tweets_per_second
from deploy.local.supervisor import Supervisor
from tweets.classification_scores import classification_scores
from tweets.datasets import DatasetError, Row, read_rows
from tweets.emotions import EMOTIONS
from worker.settings import Settings

_SPLIT: Final = "test"
_READ_WAIT_S: Final = 0.2
_STALL_S: Final = 60.0
_SETTLE_S: Final = 15.0


def demo(options: Namespace, supervisor: Supervisor) -> int:
    """Prints a summary on stderr and one JSON object as the last line of stdout; returns the exit code."""
    rows = _rows(options.dataset, options.tweets)
    kafka_port, redis_port, metrics_port, page_port = free_ports(4)
    stack = LocalStack(EmbeddedServers(kafka_port, redis_port), metrics_port, page_port)
    stack.start(supervisor)
    say(f"live page: {stack.page}")
    with _output(stack) as output:
        _replay(options, supervisor, stack, output, total=len(rows))
        metrics = _settled_metrics(supervisor, stack, output)
        _compare_with_redis(supervisor, stack, output)
    summary = _summary(rows, output, metrics, engine_rate=_engine_rate(rows, output, stack, supervisor))
    summary.show()
    print(summary.as_json(), flush=True)
    if sys.stdout.isatty():
        _stay(stack, supervisor)
    return 0


def _stay(stack: LocalStack, supervisor: Supervisor) -> None:
    say(f"the live page stays at {stack.page} until Ctrl-C")
    try:
        supervisor.watch()
    except StopRequestedError:
        say("stopped")


def _rows(dataset: str, limit: int | None) -> list[Row]:
    """Read here too, to know what must come out and to name a wrong data set before anything is started."""
    try:
        rows = list(islice(read_rows(dataset, _SPLIT), limit))
    except DatasetError as error:
        raise LocalError(str(error)) from None
    if not rows:
        raise LocalError(f"the data set {dataset} has no tweets in its split {_SPLIT}")
    return rows


def _output(stack: LocalStack) -> Output:
    return Output(stack.servers.bootstrap, output_topic=OUTPUT_TOPIC, dead_letter_topic=DEAD_LETTER_TOPIC)


def _replay(options: Namespace, supervisor: Supervisor, stack: LocalStack, output: Output, *, total: int) -> None:
    """Returns when the producer has ended and every tweet has come out, labelled or dead."""
    say(f"replaying {total:,} tweets of {options.dataset} ...")
    arguments = [
        "--dataset",
        options.dataset,
        "--split",
        _SPLIT,
        "--limit",
        str(total),
        "--rate",
        str(options.rate),
    ]
    producer = supervisor.start("producer", program("producer", *arguments), env=stack.environment)
    stall = _Stall(_STALL_S + (1 / options.rate if options.rate else 0))
    with Progress(total, EMOTIONS) as progress:
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
    """Ends the wait when nothing has come out for a while."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._done = -1
        self._since_s = 0.0

    def check(self, done: int, total: int, producer: Child) -> None:
        now_s = time.monotonic()
        if done != self._done:
            self._done, self._since_s = done, now_s
        if now_s - self._since_s > self._limit_s:
            state = "still running" if producer.exit_code is None else "done"
            raise LocalError(
                f"nothing came out for {self._limit_s:g} s: {done:,} of {total:,} tweets, producer {state}"
            )


def _check_complete(output: Output, total: int) -> None:
    published = output.published(INPUT_TOPIC)
    if (published, output.total, output.doubled) != (total, total, 0):
        raise LocalError(
            f"of {total:,} tweets {published:,} were published and {output.total:,} came out, "
            f"{output.doubled:,} of them twice"
        )


def _settled_metrics(supervisor: Supervisor, stack: LocalStack, output: Output) -> Metrics:
    """The worker's metrics, once they count the last batch too: that happens just after its commit."""

    def counted() -> bool:
        metrics = scrape(stack.metrics_port)
        done = metrics.total("emotion_tweets_classified_total") + metrics.total("emotion_tweets_dead_lettered_total")
        return done == output.total

    supervisor.wait(counted, _SETTLE_S, f"the worker's metrics to count {output.total:,} tweets")
    return scrape(stack.metrics_port)


def _compare_with_redis(supervisor: Supervisor, stack: LocalStack, output: Output) -> None:
    key = f"{KEY_PREFIX}:counts"
    expected = dict(output.counts)
    with redis.Redis.from_url(stack.servers.redis_url, decode_responses=True, socket_timeout=5) as client:

        def counts() -> dict[str, int]:
            return {emotion: int(count) for emotion, count in client.hgetall(key).items() if int(count)}

        try:
            supervisor.wait(lambda: counts() == expected, _SETTLE_S, f"Redis to hold the counts of {OUTPUT_TOPIC}")
        except LocalError as error:
            raise LocalError(f"{error}: {key} is {counts()}, committed are {expected}", error.log) from None


def _engine_rate(rows: Sequence[Row], output: Output, stack: LocalStack, supervisor: Supervisor) -> float | None:
    say("measuring the classifier alone on the same tweets ...")
    labelled = {tweet.text for tweet in output.labelled}
    texts = [row.text for row in rows if row.text in labelled]
    overrides: dict[str, Any] = {name.lower(): value for name, value in stack.environment.items()}
    return engine_tweets_per_second(texts, Settings(**overrides), supervisor.check)


def _summary(rows: Sequence[Row], output: Output, metrics: Metrics, *, engine_rate: float | None) -> Summary:
    pairs = Counter((tweet.label, tweet.emotion) for tweet in output.labelled if tweet.label is not None)
    return Summary(
        tweets=len(rows),
        classified=len(output.labelled),
        dead_lettered=output.dead_lettered,
        counts={emotion: output.counts[emotion] for emotion in dict.fromkeys([*EMOTIONS, *output.counts])},
        scores=classification_scores(pairs),
        tweets_per_second=tweets_per_second(metrics, output.total),
        engine_tweets_per_second=engine_rate,
        latency_ms=latency_ms(metrics),
    )
