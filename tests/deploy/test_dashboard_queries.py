"""Every query of the dashboards and every rule, on a real Prometheus that watches real workers at work."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.boards import BOARDS, targets
from tests.deploy.prometheus_server import PrometheusServer
from tests.ports import free_ports
from tests.servers import ApacheStack, Message, eventually, publish, read_committed, unique_topics
from tests.stream.programs import StartWorker
from tests.stream.tweets import fields, sample_tweets
from tweets.classification_scores import ClassificationScores, quality

PARTITIONS: Final = 4
TWEETS: Final = 400
POISON: Final = (b"\xff", b"not JSON", b"[]", b"{}", b'{"text": " "}')
ROUNDS: Final = 3
DONE_S: Final = 90.0

StartPrometheus = Callable[[list[str]], PrometheusServer]


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[StartPrometheus]:
    servers: list[PrometheusServer] = []

    def start(workers: list[str]) -> PrometheusServer:
        servers.append(PrometheusServer(tmp_path / "prometheus", workers))
        return servers[-1]

    yield start
    for server in servers:
        server.child.stop()


@pytest.mark.slow
def test_every_panel_and_every_rule_has_data_while_workers_work(
    apache_stack: ApacheStack, start_worker: StartWorker, start_prometheus: StartPrometheus
) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    prometheus = start_prometheus(started(env, start_worker))
    eventually(prometheus.ready, DONE_S, "Prometheus answers")
    shared = f"count by (instance) (emotion_consumer_lag) == {PARTITIONS // 2}"
    eventually(lambda: len(prometheus.instant(shared)) == 2, DONE_S, "two workers share the partitions")
    for done in range(1, ROUNDS + 1):
        publish(apache_stack, env["KAFKA_INPUT_TOPIC"], load())
        wait_for(prometheus, "sum(emotion_tweets_consumed_total)", done * (TWEETS + len(POISON) * PARTITIONS))
    last_of_all = "stream:emotion_tweets_classified:mix_distance1h"
    eventually(lambda: prometheus.instant(last_of_all), DONE_S, f"{last_of_all} is recorded")

    assert_none("without data", without_data(prometheus))
    assert_none("failing", [rule["name"] for rule in prometheus.rules() if rule["health"] != "ok"])
    assert_none("firing", [rule["name"] for rule in prometheus.rules() if rule.get("state") == "firing"])
    assert_scores_agree(prometheus, truth(apache_stack, env))


def started(env: Mapping[str, str], start_worker: StartWorker) -> list[str]:
    """Starts two workers on hosts of their own, as replicas are; returns their addresses."""
    addresses = [f"127.0.0.{host}:{port}" for host, port in zip((1, 2), free_ports(2), strict=True)]
    for address in addresses:
        host, _, port = address.partition(":")
        start_worker({**env, "METRICS_HOST": host, "METRICS_PORT": port})
    return addresses


def assert_none(what: str, names: list[str]) -> None:
    """Names them all where there are some: pytest would show the first."""
    assert not names, f"{what}: {'; '.join(names)}"


def wait_for(prometheus: PrometheusServer, expr: str, value: float) -> None:
    """Returns once a query has this one value."""
    eventually(lambda: prometheus.instant(expr) == [value], DONE_S, f"{expr} is {value}")


def load() -> list[Message]:
    """Tweets that say their label, and in each partition one of every kind of poison."""
    poison = [Message(value, key=b"poison", partition=number) for value in POISON for number in range(PARTITIONS)]
    return sample_tweets(TWEETS, partitions=PARTITIONS) + poison


def without_data(prometheus: PrometheusServer) -> list[str]:
    """The panels and recording rules whose query returns nothing, or something that is no number."""
    queries = [target for path in BOARDS for target in targets(path)]
    empty = [each.where for each in queries if not prometheus.has_data(each.expr, instant=each.instant)]
    recorded = {rule["name"] for rule in prometheus.rules() if rule["type"] == "recording"}
    return empty + sorted(name for name in recorded if not prometheus.has_data(name, instant=True))


def truth(stack: ApacheStack, env: Mapping[str, str]) -> ClassificationScores:
    """The scores of what stands on the output topic."""
    labelled = [fields(message) for message in read_committed(stack, env["KAFKA_OUTPUT_TOPIC"])]
    assert len(labelled) == ROUNDS * TWEETS
    scores = quality(Counter((tweet["label"], tweet["emotion"]) for tweet in labelled))
    assert scores is not None
    return scores


def assert_scores_agree(prometheus: PrometheusServer, expected: ClassificationScores) -> None:
    """Prometheus extrapolates a little at the ends of what it has seen."""
    queries = {target.where: target.expr for path in BOARDS for target in targets(path)}
    (accuracy,) = prometheus.instant(queries["emotion: Accuracy (A)"])
    (macro_f1,) = prometheus.instant(queries["emotion: Macro-F1 (A)"])
    assert accuracy == pytest.approx(expected.accuracy, abs=0.02)
    assert macro_f1 == pytest.approx(expected.macro_f1, abs=0.02)
    (recorded,) = prometheus.instant("stream:emotion_confusion:macro_f1_1h")
    assert recorded == pytest.approx(expected.macro_f1, abs=0.02)
