"""A model that needs longer for a batch than the group waits for a poll: nothing is thrown away, no member is lost."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from tests.fakes import FakeClassifier
from tests.servers import ApacheStack, eventually, publish, settings_of, unique_topics
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from tweets.prediction import Prediction
from worker import time_limits
from worker.kafka.stream import KafkaStream
from worker.labelling import Labeller, OutputTopics
from worker.loop import Loop
from worker.process.metrics import Metrics
from worker.process.watchdog import Watchdog
from worker.redis.publisher import CountsPublisher
from worker.redis.store import CountsStore
from worker.time_limits import TimeLimit

PARTITIONS = 4
TWEETS = 2_000
TEXT_S = 0.02
"""Seconds for a text: a batch of 512 takes ten, more than twice the poll interval of these tests."""

JOINED_S = 60.0


class SlowClassifier(FakeClassifier):
    """Needs TEXT_S for each text, and counts the texts that it has labelled."""

    def __init__(self) -> None:
        super().__init__()
        self.labelled = 0

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        time.sleep(TEXT_S * len(texts))  # the subject of these tests, not a wait for something
        self.labelled += len(texts)
        return super().classify(texts)


class SlowMember:
    """A worker's loop with a slow model on a real Kafka, in a thread."""

    def __init__(self, env: Mapping[str, str]) -> None:
        settings = settings_of(env)
        self.classifier = SlowClassifier()
        self.metrics = Metrics()
        self.failures: list[BaseException] = []
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def value(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(name) or 0.0

    def stop(self, within_s: float) -> None:
        self._stop.set()
        self._thread.join(within_s)
        assert not self._thread.is_alive(), "the member does not stop in time"

    def _run(self) -> None:
        settings = self._settings
        stream = KafkaStream(settings, max_record_bytes=1_000_000, watchdog=Watchdog())
        publisher = CountsPublisher(CountsStore.of(settings), self.metrics, self.failures.append)
        publisher.start()
        topics = OutputTopics(settings.kafka_output_topic, settings.kafka_dead_letter_topic, 1_000_000)
        try:
            Loop(
                stream,
                Labeller(self.classifier, topics, self.metrics, tweet_max_chars=10_000),
                publisher,
                metrics=self.metrics,
                watchdog=Watchdog(),
                batch_max_tweets=512,
                batch_max_wait_s=0.05,
            ).run(self._stop)
        finally:
            stream.close()
            publisher.close(10)


@contextmanager
def running(members: int, env: Mapping[str, str]) -> Iterator[list[SlowMember]]:
    started = [SlowMember(env) for _ in range(members)]
    try:
        yield started
    finally:
        for member in started:
            member.stop(within_s=30)


@pytest.fixture(autouse=True)
def short_poll_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """All limits of the loop shortened alike, so that the test need not wait for the real ones."""
    monkeypatch.setattr(time_limits, "MAX_POLL_INTERVAL", TimeLimit(5, "short"))
    monkeypatch.setattr(time_limits, "LABEL_BUDGET", TimeLimit(1, "short"))
    monkeypatch.setattr(time_limits, "LABEL_SLICE", TimeLimit(0.25, "short"))


@pytest.mark.parametrize("members", [1, 2])
def test_a_slow_model_costs_neither_its_work_nor_the_membership(apache_stack: ApacheStack, members: int) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    verifier = Verifier(apache_stack, env)
    with running(members, env) as started:
        eventually(lambda: verifier.members() == members, JOINED_S, "all members have joined")
        publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(TWEETS, partitions=PARTITIONS))
        eventually(lambda: all(member.classifier.labelled > 50 for member in started), 120, "every member works")
        rebalances = [member.value("emotion_rebalances_total") for member in started]
        eventually(
            lambda: sum(member.classifier.labelled for member in started) > 600 * members, 120, "much is labelled"
        )
        assert [member.value("emotion_rebalances_total") for member in started] == rebalances
        stopped_s = time.monotonic()
        for member in started:
            member.stop(within_s=10)
        assert time.monotonic() - stopped_s < 10 * members
    labelled = sum(member.classifier.labelled for member in started)
    assert verifier.committed() >= 0.9 * labelled
    assert sum(member.value('emotion_transactions_total{outcome="aborted"}') for member in started) == 0
    assert [member.failures for member in started] == [[]] * members
    verifier.check()
