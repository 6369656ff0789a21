"""Every query of the dashboards and every rule, on a real Prometheus that scrapes real workers under load."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.boards import BOARDS, targets
from tests.deploy.prometheus_server import PrometheusServer
from tests.ports import free_ports
from tests.servers import ApacheStack, Message, eventually, publish, read_committed, unique_topics
from tests.stream.programs import StartWorker
from tests.stream.tweets import fields, sample_tweets
from tweets.classification_scores import ClassificationScores, classification_scores

PARTITIONS: Final = 4
TWEETS: Final = 400
BAD_RECORDS: Final = (b"\xff", b"not JSON", b"[]", b"{}", b'{"text": " "}')
ROUNDS: Final = 3

#: Longest wait for one condition on a busy machine.
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
def test_every_panel_and_every_rule_has_data_while_workers_process_tweets(
    apache_stack: ApacheStack, start_worker: StartWorker, start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    topics_file = tmp_path / "topics.yaml"
    topics_file.write_text("topics: [{name: feelings, terms: [i, feel, feeling]}]", encoding="utf-8")
    env = unique_topics(apache_stack, PARTITIONS) | {"TOPICS_FILE": str(topics_file)}
    prometheus = start_prometheus(start_two(env, start_worker))
    eventually(prometheus.ready, DONE_S, "Prometheus answers")
    shared = f"count by (instance) (emotion_consumer_lag) == {PARTITIONS // 2}"
    eventually(lambda: len(prometheus.instant(shared)) == 2, DONE_S, "two workers share the partitions")
    for done in range(1, ROUNDS + 1):
        publish(apache_stack, env["KAFKA_INPUT_TOPIC"], load())
        wait_for(prometheus, "sum(emotion_tweets_consumed_total)", done * (TWEETS + len(BAD_RECORDS) * PARTITIONS))
    eventually_none("not evaluated", lambda: names(prometheus, health="unknown"))
    eventually_none("without data", lambda: without_data(prometheus))
    eventually_none("failing", lambda: names(prometheus, health="err"))
    assert names(prometheus, state="firing") == []
    assert_scores_agree(prometheus, truth(apache_stack, env))


def start_two(env: Mapping[str, str], start_worker: StartWorker) -> list[str]:
    """Start two workers on different hosts, as replicas have; return their addresses."""
    addresses = [f"127.0.0.{host}:{port}" for host, port in zip((1, 2), free_ports(2), strict=True)]
    for address in addresses:
        host, _, port = address.partition(":")
        start_worker({**env, "METRICS_HOST": host, "METRICS_PORT": port})
    return addresses


def names(prometheus: PrometheusServer, **fields: str) -> list[str]:
    """Return the names of the rules with these values of fields."""
    return [rule["name"] for rule in prometheus.rules() if fields.items() <= rule.items()]


def eventually_none(what: str, found: Callable[[], list[str]]) -> None:
    """Wait until nothing is found any more; after DONE_S fail with all that is found."""
    with suppress(AssertionError):
        eventually(lambda: not found(), DONE_S, what)
        return
    assert found() == [], what


def wait_for(prometheus: PrometheusServer, expr: str, value: float) -> None:
    """Wait until a query returns one series with this value."""
    eventually(lambda: prometheus.instant(expr) == [value], DONE_S, f"{expr} is {value}")


def load() -> list[Message]:
    """Return tweets that carry a label, and for each partition one bad record of every kind."""
    bad = [Message(value, key=b"bad", partition=number) for value in BAD_RECORDS for number in range(PARTITIONS)]
    return sample_tweets(TWEETS, partitions=PARTITIONS) + bad


def without_data(prometheus: PrometheusServer) -> list[str]:
    """Return the panels and recording rules whose query returns no data or a value that is not a finite number."""
    queries = [target for path in BOARDS for target in targets(path)]
    empty = [each.where for each in queries if not prometheus.has_data(each.expr, instant=each.instant)]
    recorded = {rule["name"] for rule in prometheus.rules() if rule["type"] == "recording"}
    return empty + sorted(name for name in recorded if not prometheus.has_data(name, instant=True))


def truth(stack: ApacheStack, env: Mapping[str, str]) -> ClassificationScores:
    """Return the scores of the labelled tweets on the output topic."""
    labelled = [fields(message) for message in read_committed(stack, env["KAFKA_OUTPUT_TOPIC"])]
    assert len(labelled) == ROUNDS * TWEETS
    scores = classification_scores(Counter((tweet["label"], tweet["emotion"]) for tweet in labelled))
    assert scores is not None
    return scores


def assert_scores_agree(prometheus: PrometheusServer, expected: ClassificationScores) -> None:
    """Compare within a tolerance: Prometheus extrapolates at both ends of a range."""
    queries = {target.where: target.expr for path in BOARDS for target in targets(path)}
    (accuracy,) = prometheus.instant(queries["emotion: Accuracy (A)"])
    (macro_f1,) = prometheus.instant(queries["emotion: Macro-F1 (A)"])
    assert accuracy == pytest.approx(expected.accuracy, abs=0.02)
    assert macro_f1 == pytest.approx(expected.macro_f1, abs=0.02)
    (recorded,) = prometheus.instant("stream:emotion_confusion:macro_f1_1h")
    assert recorded == pytest.approx(expected.macro_f1, abs=0.02)
