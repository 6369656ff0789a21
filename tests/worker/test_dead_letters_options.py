"""The command line of `dead-letters`: filters, refused values, and one line for a Kafka that does not answer."""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.__main__ import main
from worker.dead_letters.options import MAX_ROUNDS, add_dead_letters, selection_of
from worker.dead_letters.selection import Selection
from worker.errors import ExitCode, TransientError
from worker.settings import Settings
from worker.time_limits import TimeLimit


def parsed(*arguments: str) -> Namespace:
    parser = ArgumentParser()
    add_dead_letters(parser.add_subparsers())
    return parser.parse_args(["dead-letters", *arguments])


@pytest.mark.parametrize("command", ["list", "show", "replay"])
def test_every_command_has_the_same_filters(command: str) -> None:
    options = parsed(
        command, "--reason", "no_text,not_json", "--reason", "blank_text", "--partition", "3,1", "--partition", "7",
        "--since", "2023-11-14T22:13:20Z", "--until", "2023-11-14T23:13:20+01:00", "--json",
    )  # fmt: skip
    selection = Selection(("blank_text", "no_text", "not_json"), 1_700_000_000_000, 1_700_000_000_000)
    assert selection_of(options) == selection
    assert (options.partition, options.json) == ([3, 1, 7], True)
    assert selection_of(parsed(command)).is_all


def test_a_replay_is_a_dry_run_unless_asked() -> None:
    options = parsed("replay")
    assert (options.yes, options.max_rounds, options.from_beginning) == (False, MAX_ROUNDS, False)
    assert not options.skip_refused
    assert parsed("replay", "--yes").yes
    assert parsed("replay", "--skip-refused").skip_refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "command"),
        (["delete"], "invalid choice"),
        (["list", "--reason", "no_txt"], "'no_txt' is no reason; the reasons are null_value, "),
        (["list", "--reason", "no_text,no_text"], "different names"),
        (["show", "--partition", "-1"], "numbers of partitions"),
        (["show", "--partition", "1,x"], "numbers of partitions"),
        (["show", "--limit", "0"], "at least 1"),
        (["replay", "--since", "yesterday"], "'yesterday' is no time in RFC 3339"),
        (["replay", "--max-rounds", "0"], "at least 1"),
        (["list", "--yes"], "unrecognized arguments"),
    ],
    ids=str,
)
def test_a_wrong_option_is_explained(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["dead-letters", *arguments])
    assert caught.value.code == ExitCode.SETTINGS
    assert words in capsys.readouterr().err


@pytest.fixture
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    root, kafka = logging.getLogger(), logging.getLogger("kafka")
    before = root.handlers[:], root.level, kafka.level
    yield
    root.handlers[:], root.level, kafka.level = before


@pytest.mark.usefixtures("_nothing_set")
@pytest.mark.parametrize("command", ["list", "show", "replay"])
def test_a_kafka_that_does_not_answer_is_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(settings: Settings) -> None:
        raise TransientError("connection refused")

    monkeypatch.setattr("worker.time_limits.START", TimeLimit(0, "no second attempt"))
    monkeypatch.setattr("worker.kafka.reachable._try_to_reach", unreachable)
    assert main(["dead-letters", command]) == ExitCode.KAFKA
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("worker: Kafka at localhost:9092 cannot be reached (connection refused)")
