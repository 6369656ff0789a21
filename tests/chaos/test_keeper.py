"""The state is kept before records are deleted, and brokers that are away do not end a run."""

import pytest

from chaos import keeper
from chaos.errors import ChaosError
from chaos.keeper import Keeper
from tests.servers import eventually

WAIT_S = 20.0


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "_EVERY_S", 0.01)


def test_the_state_is_kept_before_records_are_deleted_again_and_again() -> None:
    calls: list[str] = []
    running = Keeper(lambda: calls.append("save"), lambda: calls.append("trim"))
    running.start()
    eventually(lambda: len(calls) >= 4, WAIT_S, "two rounds")
    running.stop()
    running.stop()
    assert calls[:4] == ["save", "trim", "save", "trim"]
    running.check()


def test_records_that_cannot_be_deleted_now_are_deleted_later() -> None:
    calls: list[str] = []

    def trim() -> None:
        calls.append("trim")
        raise ChaosError("the coordinator does not answer")

    running = Keeper(lambda: None, trim)
    running.start()
    eventually(lambda: len(calls) >= 2, WAIT_S, "two rounds")
    running.stop()
    running.check()


def test_a_state_that_cannot_be_kept_is_an_error() -> None:
    def save() -> None:
        raise OSError("disk full")

    running = Keeper(save, lambda: None)
    running.start()

    def failed() -> bool:
        try:
            running.check()
        except OSError:
            return True
        return False

    eventually(failed, WAIT_S, "the error is raised")
    running.stop()
