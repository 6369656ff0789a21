"""TOPICS_FILE: wrong at the start it ends the worker, wrong later it changes nothing."""

import logging
import os
from pathlib import Path

import pytest

from tests.clock import Clock
from worker import time_limits
from worker.errors import ExitCode, FatalError
from worker.process.metrics import Metrics
from worker.watched_subjects import WatchedSubjects

LOOK_S = time_limits.TOPICS_FILE_LOOK.seconds

PETS = "topics: [{name: pets, terms: [dog]}]"
BOTH = "topics: [{name: pets, terms: [cat]}, {name: trains, terms: [train]}]"
BROKEN = "topics: [{name: Pets, terms: [dog]}]"


class Watched:
    """Subjects of a file that a test changes, on a clock that a test moves."""

    def __init__(self, folder: Path, content: str) -> None:
        self.file = folder / "topics.yaml"
        self._changes = 0
        self.write(content)
        self.clock, self.metrics = Clock(), Metrics()
        self.subjects = WatchedSubjects(self.file, self.metrics, clock=self.clock)
        self.subjects.show_zeros(["joy", "fear"])
        self.changes: list[tuple[str, ...]] = []
        self.subjects.on_change(self.changes.append)

    def write(self, content: str) -> None:
        self._changes += 1
        self.file.write_text(content, encoding="utf-8")
        os.utime(self.file, ns=(self._changes * 10**9, self._changes * 10**9))

    def look(self) -> None:
        """Look at the file for as long as a change needs."""
        for _ in range(3):
            self.clock.now_s += LOOK_S
            self.subjects.reread()

    def change(self, content: str) -> None:
        self.write(content)
        self.look()

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def ok(self) -> float | None:
        return self.value("emotion_topics_file_ok")

    def found(self, text: str) -> tuple[str, ...]:
        return () if self.subjects.find is None else self.subjects.find(text)


@pytest.fixture
def watched(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Watched:
    caplog.set_level(logging.INFO)
    found = Watched(tmp_path, PETS)
    caplog.clear()
    return found


def test_the_names_are_those_of_the_file(watched: Watched) -> None:
    assert watched.subjects.names() == ("pets",)
    assert watched.found("my dog") == ("pets",)
    assert watched.ok == 1
    assert watched.value("emotion_subject_tweets_total", subject="pets", emotion="joy") == 0


def test_without_a_file_there_is_nothing_to_find(tmp_path: Path) -> None:
    metrics = Metrics()
    subjects = WatchedSubjects(None, metrics)
    subjects.reread()
    assert (subjects.names(), subjects.find) == ((), None)
    assert metrics.registry.get_sample_value("emotion_topics_file_ok") == 1


@pytest.mark.parametrize("content", [BROKEN, None])
def test_a_file_that_cannot_be_used_at_the_start_ends_the_worker(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "topics.yaml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(FatalError) as caught:
        WatchedSubjects(file, Metrics())
    assert caught.value.exit_code is ExitCode.SETTINGS
    assert str(caught.value).startswith(f"TOPICS_FILE={file}: ")


def test_a_changed_file_is_read_and_one_line_names_the_changes(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.change(BOTH)
    assert watched.subjects.names() == ("pets", "trains")
    assert watched.found("a cat, a dog, a train") == ("pets", "trains")
    assert watched.changes == [("pets", "trains")]
    assert watched.value("emotion_subject_tweets_total", subject="trains", emotion="fear") == 0
    assert caplog.messages == [f"2 tweet topics in {watched.file}; added: trains; with other terms: pets"]


def test_a_removed_tweet_topic_loses_its_series(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.change("topics: []")
    assert (watched.subjects.names(), watched.subjects.find) == ((), None)
    assert watched.changes == [()]
    assert watched.value("emotion_subject_tweets_total", subject="pets", emotion="joy") is None
    assert caplog.messages == [f"0 tweet topics in {watched.file}; removed: pets"]


@pytest.mark.parametrize("fault", ["broken", "deleted"])
def test_a_broken_file_is_logged_once_and_the_old_tweet_topics_go_on(
    watched: Watched, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    if fault == "broken":
        watched.change(BROKEN)
        watched.change(BROKEN)
    else:
        watched.file.unlink()
        watched.look()
    watched.look()
    assert watched.found("my dog") == ("pets",)
    assert (watched.ok, watched.changes) == (0, [])
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"TOPICS_FILE={watched.file}: ")
    assert caplog.messages[0].endswith("; the worker keeps the previous tweet topics")
    caplog.clear()
    watched.change(PETS)
    assert (watched.ok, watched.changes) == (1, [])
    assert caplog.messages == [f"1 tweet topics in {watched.file}; none has changed"]


def test_another_fault_is_logged_again(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.change(BROKEN)
    watched.change("topics: [")
    assert len(caplog.messages) == 2


def test_a_file_that_is_still_being_written_is_not_read(watched: Watched) -> None:
    watched.look()
    for content in ("", "topics:", BOTH):
        watched.write(content)
        watched.clock.now_s += LOOK_S
        watched.subjects.reread()
        assert watched.subjects.names() == ("pets",)
    watched.look()
    assert watched.subjects.names() == ("pets", "trains")


def test_the_file_is_looked_at_only_once_in_a_while(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    stat = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path: looks.append(path) or stat(path))  # type: ignore[func-returns-value]
    for _ in range(11):
        watched.clock.now_s += LOOK_S / 10
        watched.subjects.reread()
    assert looks == [watched.file]


def test_a_changed_order_changes_nothing_but_the_order(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.change(BOTH)
    caplog.clear()
    watched.change("topics: [{name: trains, terms: [train]}, {name: pets, terms: [cat]}]")
    assert watched.subjects.names() == ("trains", "pets")
    assert (caplog.messages, watched.changes) == ([], [("pets", "trains")])
