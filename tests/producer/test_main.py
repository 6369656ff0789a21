"""The whole program with a fake Kafka: arguments, last line and exit codes."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from producer import __main__ as program
from producer.replay import Send
from tests.clock import Clock
from tests.producer.fakes import FakeDelivery
from worker.errors import ExitCode, FatalError
from worker.settings import Settings


class FakeConnection:
    """Accepts every tweet; `problem` is raised at the connection or is the error of every delivery."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.problem: Exception | None = None
        self.signal_at: int | None = None

    @contextmanager
    def connected(self, settings: Settings) -> Iterator[Send]:
        if isinstance(self.problem, FatalError | KeyboardInterrupt):
            raise self.problem
        yield self.send

    def send(self, key: bytes, value: bytes) -> FakeDelivery:
        assert json.loads(value)["id"] == key.decode()
        self.ids.append(key.decode())
        if len(self.ids) == self.signal_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return FakeDelivery(Clock(), error=self.problem)


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeConnection]:
    fake = FakeConnection()
    monkeypatch.setattr(program, "connected", fake.connected)
    monkeypatch.setattr(program, "configure_logging", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("KAFKA_"):
            monkeypatch.delenv(name)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield fake
    for number, handler in handlers.items():
        signal.signal(number, handler)


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return summary


def test_without_arguments_the_sample_is_sent_once(kafka: FakeConnection, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([]) == ExitCode.OK
    assert kafka.ids[:2] == ["sample-test-0", "sample-test-1"]
    assert len(kafka.ids) == len(set(kafka.ids)) >= 600
    summary = last_line(capsys)
    assert (summary["sent"], summary["failed"]) == (len(kafka.ids), 0)
    assert set(summary) == {"sent", "failed", "seconds", "tweets_per_second"}


def test_a_file_is_replayed_pass_after_pass_up_to_the_limit(kafka: FakeConnection, tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("one\ntwo\n")
    assert program.main(["--dataset", str(file), "--split", "dev", "--loop", "--limit", "5"]) == ExitCode.OK
    assert kafka.ids == ["mine-dev-0", "mine-dev-1", "mine-dev-0-2", "mine-dev-1-2", "mine-dev-0-3"]


def test_sigterm_ends_a_loop_with_a_summary_and_exit_code_zero(
    kafka: FakeConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka.signal_at = 1000
    assert program.main(["--loop"]) == ExitCode.OK
    assert last_line(capsys)["sent"] == 1000


def test_tweets_that_are_not_acknowledged_are_counted_and_end_the_program_with_the_code_of_kafka(
    kafka: FakeConnection, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    kafka.problem = ConnectionError("the broker\nis gone")
    assert program.main([]) == ExitCode.KAFKA
    assert last_line(capsys) | {"seconds": 0} == {"sent": 0, "failed": 1, "seconds": 0, "tweets_per_second": 0.0}
    assert (
        "Kafka acknowledged 0 tweets and not 1 others; first error: ConnectionError: the broker is gone" in caplog.text
    )


def test_a_missing_topic_ends_the_program_with_the_code_of_topics_and_one_line(
    kafka: FakeConnection, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    kafka.problem = FatalError("topic 'tweets' does not exist", ExitCode.TOPICS)
    assert program.main([]) == ExitCode.TOPICS
    assert [record.getMessage() for record in caplog.records] == ["topic 'tweets' does not exist"]
    assert capsys.readouterr().out == ""


def test_a_data_set_that_does_not_exist_is_a_wrong_setting(
    kafka: FakeConnection, caplog: pytest.LogCaptureFixture
) -> None:
    assert program.main(["--dataset", "missing.jsonl"]) == ExitCode.SETTINGS
    assert "data set 'missing.jsonl': no such file or folder" in caplog.text
    assert kafka.ids == []


def test_a_broken_row_ends_the_replay_after_a_summary_of_the_rows_before(
    kafka: FakeConnection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"text": "one"}\n{"text"')
    assert program.main(["--dataset", str(file)]) == ExitCode.SETTINGS
    assert last_line(capsys)["sent"] == 1


def test_a_wrong_variable_is_a_wrong_setting(
    kafka: FakeConnection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KAFKA_INPUT_TOPIC", "no spaces")
    assert program.main([]) == ExitCode.SETTINGS
    assert "KAFKA_INPUT_TOPIC=no spaces" in caplog.text


def test_ctrl_c_before_the_first_tweet_ends_without_a_traceback(
    kafka: FakeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def interrupted(_: Settings) -> Iterator[Send]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(program, "connected", interrupted)
    assert program.main([]) == ExitCode.OK


def test_an_unexpected_error_is_logged_with_its_traceback_and_has_the_code_of_a_bug(
    kafka: FakeConnection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(program, "connected", None)
    assert program.main([]) == ExitCode.BUG
    assert "TypeError" in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [["--limit", "0"], ["--limit", "x"], ["--rate", "-1"], ["--rate", "nan"], ["--rate", "x"], ["--seed", "x"]],
)
def test_wrong_arguments_end_the_program_with_the_code_of_a_wrong_setting(
    kafka: FakeConnection, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(arguments)
    assert ended.value.code == ExitCode.SETTINGS
    assert arguments[0] in capsys.readouterr().err
    assert kafka.ids == []
