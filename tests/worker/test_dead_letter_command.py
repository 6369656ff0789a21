"""The report of a replay: also where an error ended the replay after a commit."""

import json
from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest

from worker.dead_letters import command
from worker.dead_letters.rules import Decision
from worker.errors import ExitCode, FatalError, TransientError
from worker.settings import Settings


class FakeReader:
    """A dead-letter topic without records."""

    def __init__(self, *_: Any) -> None: ...

    def __enter__(self) -> "FakeReader":
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    made = SimpleNamespace(counts={}, error=None)
    monkeypatch.setattr(command, "DeadLetterReader", FakeReader)
    monkeypatch.setattr(command, "_prepared", lambda *_: made)

    def send(*_: Any) -> None:
        if made.error is not None:
            raise made.error

    monkeypatch.setattr(command, "_send", send)
    return made


def run() -> None:
    command.run(Settings(_env_file=None), Namespace(command="replay", yes=True, json=True))


@pytest.mark.parametrize(
    "error", [TransientError("gone"), FatalError("fenced", ExitCode.FENCED), KeyboardInterrupt()], ids=repr
)
def test_a_replay_that_ends_with_an_error_reports_what_it_has_committed(
    replay: SimpleNamespace, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    replay.counts, replay.error = {Decision.SENT: 3}, error
    with pytest.raises(type(error)):
        run()
    report = json.loads(capsys.readouterr().out)
    assert (report["complete"], report["sent"]) == (False, 3)


def test_a_replay_that_has_committed_nothing_reports_the_error_alone(
    replay: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    replay.error = TransientError("gone")
    with pytest.raises(TransientError):
        run()
    assert capsys.readouterr().out == ""


def test_a_replay_at_the_ends_is_complete(replay: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    report = json.loads(capsys.readouterr().out)
    assert (report["complete"], report["letters"]) == (True, 0)
