"""The programs beside a worker: their labels, their settings, and what the kafka-python loop leaves behind."""

import re
from pathlib import Path

import pytest

from chaos.options import KAFKA_LOOP, QUIX
from chaos.peers import programs
from chaos.peers.instant_label import labelled
from chaos.peers.programs import REQUIREMENTS, peer
from chaos.peers.time_outs import SESSION_TIMEOUT, TRANSACTION_TIMEOUT, milliseconds
from tests.chaos.peer_run import label_some_tweets
from tests.servers import Stack
from tweets.emotions import EMOTIONS
from worker.settings import Settings

ROOT = Path(__file__).parents[2]


def test_the_label_depends_on_the_length_of_the_text_only_and_all_labels_occur() -> None:
    first, second = labelled({"id": "0-1", "text": "so happy"}), labelled({"id": "0-2", "text": "so angry"})
    assert first["emotion"] == second["emotion"]
    assert (first["id"], first["text"]) == ("0-1", "so happy")
    assert {labelled({"text": "x" * length})["emotion"] for length in range(64)} == set(EMOTIONS)


@pytest.mark.parametrize("setting", [SESSION_TIMEOUT, TRANSACTION_TIMEOUT])
def test_a_peer_has_the_time_outs_of_a_worker(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(setting, raising=False)
    assert milliseconds(setting) == getattr(Settings(_env_file=None), setting.lower())
    monkeypatch.setenv(setting, "6000")
    assert milliseconds(setting) == 6_000


def test_quix_streams_has_its_own_interpreter_and_keeps_its_files_in_the_folder_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path]] = []

    def python_of(name: str, *, requirements: Path) -> Path:
        asked.append((name, requirements))
        return tmp_path / "python"

    monkeypatch.setattr(programs, "python_of", python_of)
    command = peer(QUIX, tmp_path).command
    assert command[0] == str(tmp_path / "python")
    assert command[-1] == str(tmp_path / "quix-state")
    ((environment, folder),) = asked
    assert (folder / f"{environment}.txt").is_file()


def test_every_package_is_pinned_to_the_version_of_the_benchmark_and_of_the_project() -> None:
    (file,) = REQUIREMENTS.glob("*.txt")
    lines = set(file.read_text(encoding="utf-8").splitlines())
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    benchmark = ROOT / "benchmarks" / "peers" / "requirements" / "quixstreams.txt"
    (redis,) = lines - set(benchmark.read_text(encoding="utf-8").splitlines())
    assert redis in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_the_kafka_loop_labels_every_tweet_on_its_own_partition_and_counts_it(
    embedded_stack: Stack, tmp_path: Path
) -> None:
    sent, labelled_tweets = label_some_tweets(peer(KAFKA_LOOP, tmp_path), embedded_stack, tmp_path)
    assert [(each.partition, each.key) for each in labelled_tweets] == [(each.partition, each.key) for each in sent]
