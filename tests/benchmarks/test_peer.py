"""A peer is a process with one answer for each request; a peer that fails is skipped with its reason."""

import sys
import time
from pathlib import Path

import pytest

from benchmarks.suite.errors import BenchmarkError, SkippedError
from benchmarks.suite.peer import OwnEngineError, Peer

SERVING = """
import sys
from benchmarks.peers.protocol import serve

def load(loading):
    print("a library prints")
    assert loading.samples == ["a sample"]
    def fails(texts):
        raise ValueError("no\\nluck")
    def ends(texts):
        sys.exit("the model is too large")
    return {"fast": lambda texts: None, "products": lambda texts: 2.5, "fails": fails, "ends": ends}

serve(load, ["numpy"])
"""


def peer(folder: Path, program: str = SERVING) -> Peer:
    return Peer([sys.executable, "-c", program], folder / "peer.log")


def test_a_round_has_the_seconds_of_the_work_and_the_number_of_texts(tmp_path: Path) -> None:
    with peer(tmp_path) as found:
        found.load(tmp_path, ["a sample"])
        assert found.contenders == ["fast", "products", "fails", "ends"]
        assert found.versions.keys() == {"numpy"}
        before_s = time.perf_counter()
        labelled = found.round("fast", ["one", "two", "three"])
        assert (labelled.work, labelled.seconds < time.perf_counter() - before_s) == (3, True)
        assert found.round("products", ["one"]).work == 2.5


def test_a_contender_that_fails_is_skipped_and_the_others_continue(tmp_path: Path) -> None:
    with peer(tmp_path) as found:
        found.load(tmp_path, ["a sample"])
        with pytest.raises(SkippedError, match=r"^ValueError: no luck$"):
            found.round("fails", ["one"])
        assert found.round("fast", ["one"]).work == 1


def test_a_peer_that_ends_is_skipped_with_its_last_line(tmp_path: Path) -> None:
    with peer(tmp_path) as found:
        found.load(tmp_path, ["a sample"])
        with pytest.raises(SkippedError, match=r"^ended with exit code 1 \(the model is too large\)$"):
            found.round("ends", ["one"])


def test_this_projects_own_engine_is_never_skipped(tmp_path: Path) -> None:
    with Peer([sys.executable, "-c", SERVING], tmp_path / "ours.log", OwnEngineError) as ours:
        ours.load(tmp_path, ["a sample"])
        with pytest.raises(BenchmarkError, match=r"^this project's own engine fails: ValueError: no luck$"):
            ours.round("fails", ["one"])


def test_a_peer_without_its_packages_is_skipped_with_the_missing_package(tmp_path: Path) -> None:
    with (
        peer(tmp_path, "import a_package_that_nobody_has") as found,
        pytest.raises(SkippedError, match="No module named 'a_package_that_nobody_has'"),
    ):
        found.load(tmp_path, [])
