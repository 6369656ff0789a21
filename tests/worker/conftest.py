"""Rules for all tests of the worker."""

import pytest
from hypothesis import settings

from worker.time_limits import TimeLimit

# Generated examples have no time limit each: a busy machine is no bug.
settings.register_profile("worker", deadline=None)
settings.load_profile("worker")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop retry without a pause."""
    monkeypatch.setattr("worker.time_limits.RETRY_PAUSE", TimeLimit(0, "no pause"))
