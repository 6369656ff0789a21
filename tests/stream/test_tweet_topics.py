"""TOPICS_FILE of a running worker: replaced, broken and repaired between two batches; wrong at the start."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.servers import Message, Stack, WorkerProcess, eventually, publish, read_committed, unique_topics
from tests.stream.programs import StartWorker, run_program, started
from tests.stream.tweets import fields
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

DONE_S = 120.0
"""Seconds until a condition must be true, on a slow and busy machine."""

PETS = "topics: [{name: pets, terms: [dog]}]"
BOTH = "topics: [{name: pets, terms: [dog, cat]}, {name: trains, terms: ['#train']}]"
BROKEN = "topics: [{name: Pets, terms: [dog]}]"
KEPT = "; the worker keeps the previous tweet topics"

pytestmark = pytest.mark.timeout(300)


class Running:
    """A worker whose topics file a test replaces."""

    def __init__(self, stack: Stack, env: Mapping[str, str], worker: WorkerProcess, file: Path) -> None:
        self._stack, self._env, self.worker, self._file = stack, env, worker, file
        self._verifier = Verifier(stack, env)

    def replace_file(self, content: str) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(content, encoding="utf-8")
        os.replace(new, self._file)

    def topics_of(self, *texts: str) -> list[list[str] | None]:
        """Publish tweets with these texts and return the tweet topics of the labelled tweets."""
        records = [Message(fields_of(text), partition=0) for text in texts]
        publish(self._stack, self._env["KAFKA_INPUT_TOPIC"], records)
        self._verifier.wait_until_done(DONE_S)
        labelled = read_committed(self._stack, self._env["KAFKA_OUTPUT_TOPIC"])
        return [fields(message).get("topics") for message in labelled[-len(texts) :]]

    def wait_for_log(self, line: str) -> None:
        eventually(lambda: line in self.worker.log, DONE_S, f"the log has {line!r}")

    def counted(self, subject: str) -> float:
        """Return the tweets of a tweet topic in the metrics of the worker."""
        name = f'subject="{subject}"'
        return sum(count for key, count in self.worker.metrics().items() if name in key)

    @property
    def ok(self) -> float:
        return self.worker.metrics().get("emotion_topics_file_ok", -1.0)


def fields_of(text: str) -> bytes:
    return f'{{"text": "{text}"}}'.encode()


@pytest.fixture
def running(embedded_stack: Stack, start_worker: StartWorker, tmp_path: Path) -> Running:
    file = tmp_path / "topics.yaml"
    file.write_text(PETS, encoding="utf-8")
    env = unique_topics(embedded_stack, 1)
    return Running(embedded_stack, env, started(env, start_worker, TOPICS_FILE=str(file)), file)


def test_a_running_worker_follows_its_topics_file(running: Running) -> None:
    assert running.topics_of("my dog", "my cat", "so happy") == [["pets"], None, None]

    running.replace_file(BOTH)
    running.wait_for_log("2 tweet topics in")
    assert running.topics_of("a cat on the #Train", "so sad") == [["pets", "trains"], None]

    running.replace_file(BROKEN)
    running.wait_for_log(KEPT)
    assert running.topics_of("a dog on the #train") == [["pets", "trains"]]
    assert running.ok == 0
    assert running.worker.log.count(KEPT) == 1

    running.replace_file(PETS)
    running.wait_for_log("removed: trains; with other terms: pets")
    assert running.topics_of("a dog on the #train") == [["pets"]]
    assert running.ok == 1
    eventually(lambda: running.counted("pets") == 4, DONE_S, "four tweets about pets are counted")
    assert running.counted("trains") == 0


@pytest.mark.parametrize("content", [BROKEN, None])
def test_a_wrong_topics_file_at_the_start_is_one_line_and_exit_code_2(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "topics.yaml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    ended = run_program({"TOPICS_FILE": str(file), "LOG_LEVEL": "ERROR", "METRICS_PORT": "0"})
    (line,) = ended.err.splitlines()
    assert ended.code == ExitCode.SETTINGS
    assert f"TOPICS_FILE={file}: " in line
