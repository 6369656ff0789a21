"""The two commands as a user runs them: real processes, real sockets, the bundled model."""

import json
import re
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import redis

from deploy.local.ports import LOOPBACK
from tests.local.processes import Program, running
from tests.model_folders import write_word_folder
from tests.ports import free_ports
from tests.servers import Message, Stack, eventually, publish, read_committed
from tweets.emotions import EMOTIONS, NEUTRAL

START_S = 90
"""Seconds until all programs must be ready, model load included, on a slow and busy machine."""

END_S = 20
"""Seconds until all programs must have ended, one after the other."""

KEYS = [
    "tweets",
    "classified",
    "dead_lettered",
    "counts",
    "accuracy",
    "macro_f1",
    "scored",
    "not_scored",
    "tweets_per_second",
    "engine_tweets_per_second",
    "latency_ms",
    "topics",
]


@contextmanager
def local(folder: Path, *arguments: str) -> Iterator[Program]:
    with running(["-m", "deploy.local", *arguments], folder) as program:
        yield program


def write(folder: Path, rows: list[dict[str, str]]) -> str:
    path = folder / "tweets.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.mark.slow
def test_demo_counts_every_tweet_and_ends_with_json(tmp_path: Path) -> None:
    rows = [{"text": f"happy about my new job, on train number {number}", "label": "joy"} for number in range(60)]
    unknown = {"text": "the meeting has moved to B12", "label": "neutral"}
    dataset = write(tmp_path, [*rows, unknown, {"text": "  ", "label": "joy"}, {"text": "the rest is not replayed"}])
    with local(tmp_path, "demo", "--dataset", dataset, "--tweets", "62") as program:
        assert program.end(START_S + END_S) == 0, program.stderr
        (line,) = program.stdout.splitlines()
        result = json.loads(line)
        assert list(result) == KEYS
        assert (result["tweets"], result["classified"], result["dead_lettered"]) == (62, 61, 1)
        assert list(result["counts"]) == ["sadness", "joy", "love", "anger", "fear", "surprise"]
        assert sum(result["counts"].values()) == 61
        assert (result["scored"], result["not_scored"]) == (60, {"neutral": 1})
        assert 60 * result["accuracy"] == pytest.approx(result["counts"]["joy"], abs=1.01)
        assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p95"] <= result["latency_ms"]["p99"]
        assert min(result["tweets_per_second"], result["engine_tweets_per_second"]) > 0
        assert {name: sum(counts.values()) for name, counts in result["topics"].items()} == {"work": 61, "trains": 60}
        assert re.search(r"work +│ +61 │ joy", program.stderr)
        program.expect_nothing_left()


@pytest.mark.slow
def test_demo_with_a_neutral_threshold_scores_neutral_tweets_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_word_folder(tmp_path / "model", neutral={"scale": 1.0, "shift": 0.0})
    rows = [{"text": "happy", "label": "joy"}, {"text": "rain", "label": "neutral"}, {"text": "wow", "label": "bored"}]
    monkeypatch.setenv("MODEL_PATH", str(model))
    monkeypatch.setenv("NEUTRAL_THRESHOLD", "0.5")
    topics_file = tmp_path / "topics.yaml"
    topics_file.write_text("topics: [{name: own, terms: [rain]}]", encoding="utf-8")
    monkeypatch.setenv("TOPICS_FILE", str(topics_file))
    with local(tmp_path, "demo", "--dataset", write(tmp_path, rows * 10)) as program:
        assert program.end(START_S + END_S) == 0, program.stderr
        result = json.loads(program.stdout.splitlines()[-1])
        assert result["counts"] == {**dict.fromkeys(EMOTIONS, 0), "joy": 10, "surprise": 10, NEUTRAL: 10}
        assert (result["accuracy"], result["scored"], result["not_scored"]) == (1.0, 20, {"bored": 10})
        assert result["topics"] == {"own": {NEUTRAL: 10}}


@pytest.mark.slow
def test_demo_on_a_terminal_keeps_the_live_page_until_ctrl_c(tmp_path: Path) -> None:
    dataset = write(tmp_path, [{"text": f"what a day, number {number}"} for number in range(30)])
    with running(["-m", "deploy.local", "demo", "--dataset", dataset], tmp_path, terminal=True) as program:
        program.wait_for("until Ctrl-C", START_S + END_S)
        found = re.search(r"live page stays at (http://\S+) until", program.stderr)
        assert found, program.stderr
        with urllib.request.urlopen(found[1], timeout=5) as page:
            assert page.status == 200
        assert '"classified": 30' in program.stderr
        program.signal(signal.SIGINT)
        assert program.end(END_S) == 0
        program.expect_nothing_left()


@pytest.mark.slow
def test_demo_without_labels_has_no_scores_and_keeps_the_rate(tmp_path: Path) -> None:
    dataset = write(tmp_path, [{"text": f"what a day, number {number}"} for number in range(30)])
    with local(tmp_path, "demo", "--dataset", dataset, "--rate", "20") as program:
        assert program.end(START_S + END_S) == 0, program.stderr
        result = json.loads(program.stdout.splitlines()[-1])
        assert (result["accuracy"], result["macro_f1"]) == (None, None)
        assert result["classified"] == 30
        assert result["tweets_per_second"] < 25


@pytest.mark.slow
def test_demo_stops_cleanly_in_the_middle_of_a_replay(tmp_path: Path) -> None:
    dataset = write(tmp_path, [{"text": f"what a day, number {number}"} for number in range(1000)])
    with local(tmp_path, "demo", "--dataset", dataset, "--rate", "5") as program:
        program.wait_for("of 1,000 tweets", START_S)
        program.signal(signal.SIGINT)
        assert program.end(END_S) == 128 + signal.SIGINT
        assert program.stdout == ""
        assert program.stderr.endswith("stopped\n")
        program.expect_nothing_left()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--dataset", "no/such/data.jsonl"], "no/such/data.jsonl"),
        (["demo", "--tweets", "0"], "'0' is not a whole number of at least 1"),
        (["demo", "--rate", "fast"], "'fast' is not a number of at least 0"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_started(arguments: list[str], words: str, tmp_path: Path) -> None:
    with local(tmp_path, *arguments) as program:
        assert program.end(20) in (1, 2)
        assert words in program.stderr.splitlines()[-1]
        assert "Traceback" not in program.stderr
        assert list(program.temporary.iterdir()) == []


class Up(Stack):
    """The stack of a running `up`."""

    def __init__(self, folder: Path) -> None:
        kafka_port, redis_port, self.metrics_port, self.page_port = free_ports(4)
        super().__init__("embedded", folder, kafka_port=kafka_port, redis_port=redis_port)

    @property
    def arguments(self) -> list[str]:
        ports = {"kafka": self.kafka_port, "redis": self.redis_port, "metrics": self.metrics_port}
        ports["page"] = self.page_port
        return ["up", *[f"--{name}-port={port}" for name, port in ports.items()]]


@contextmanager
def running_up(folder: Path) -> Iterator[tuple[Program, Up]]:
    stack = Up(folder)
    with local(folder, *stack.arguments) as program:
        program.wait_for("Ctrl-C stops everything", START_S)
        yield program, stack


@pytest.mark.slow
def test_up_labels_what_anybody_publishes_until_ctrl_c(tmp_path: Path) -> None:
    with running_up(tmp_path) as (program, stack):
        publish(stack, "tweets", [Message(b'{"text":"so happy"}')])
        (labelled,) = eventually(lambda: read_committed(stack, "tweets.emotions"), 10, "the label is there")
        emotion = json.loads(labelled.value or b"")["emotion"]
        with redis.Redis.from_url(stack.redis_url, decode_responses=True) as client:
            eventually(lambda: client.hget("{emotion}:counts", emotion) == "1", 10, "Redis has counted it")
            assert answer_to_a_web_page(stack.redis_port) == b""
            (hidden,) = embedded_ports(program) - {stack.kafka_port, control_port(program)}
            assert b"-NOAUTH" in answer_to_a_web_page(hidden)
            assert answer_to_a_web_page(control_port(program)).startswith(b"HTTP/1.1 401 ")
            assert client.hget("{emotion}:counts", emotion) == "1"
        program.signal(signal.SIGINT)
        assert program.end(END_S) == 0
        program.expect_nothing_left()


def answer_to_a_web_page(port: int) -> bytes:
    """Return what comes back for the request of a web page whose text has commands of Redis."""
    with socket.create_connection((LOOPBACK, port), timeout=10) as connection, suppress(ConnectionError):
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nFLUSHALL\r\nQUIT\r\n")
        return b"".join(iter(lambda: connection.recv(65_536), b""))
    return b""


def embedded_ports(program: Program) -> set[int]:
    """Return the ports of the embedded servers."""
    connections = program.child("kafka,redis").net_connections("inet")
    return {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}


def control_port(program: Program) -> int:
    """Return the port for the commands of the embedded servers' own program."""
    (file,) = program.temporary.glob("*/servers/noida.control.json")
    return int(json.loads(file.read_text(encoding="utf-8"))["port"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "name"),
    [("worker", "worker"), ("kafka,redis", "embedded servers"), ("deploy.local.redis_relay", "redis relay")],
)
def test_up_ends_when_a_part_of_it_dies(part: str, name: str, tmp_path: Path) -> None:
    with running_up(tmp_path) as (program, _):
        program.child(part).kill()
        assert program.end(END_S) == 1
        assert program.stderr.endswith(f"error: {name} ended unexpectedly (killed by SIGKILL)\n")
        program.expect_nothing_left()


def test_up_names_a_port_that_is_taken(tmp_path: Path) -> None:
    stack = Up(tmp_path)
    with socket.create_server((LOOPBACK, stack.redis_port)), local(tmp_path, *stack.arguments) as program:
        assert program.end(20) == 1
        assert program.stderr.startswith(f"error: port {stack.redis_port} (Redis) cannot be used: ")
        assert len(program.stderr.splitlines()) == 1
