"""`python -m chaos`: errors of the user are one line, and a small run on three brokers keeps the promise."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos import __main__ as command
from chaos.__main__ import main
from chaos.saved_state import SavedState
from tests.servers import kafka_home
from worker.errors import ExitCode

RUN_S = 240.0


@pytest.fixture
def everything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "kafka_home", lambda: Path("kafka"))


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    written = capsys.readouterr()
    assert written.out == ""
    (line,) = written.err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("home", "path", "named"),
    [
        ("", os.environ["PATH"], "set KAFKA_HOME to the folder of Apache Kafka"),
        ("{folder}", os.environ["PATH"], "has no libs/kafka*.jar"),
        ("{folder}", "{folder}", "install java (Debian package openjdk-17-jre-headless); install redis-server"),
    ],
)
def test_what_is_missing_is_one_line(
    home: str,
    path: str,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KAFKA_HOME", home.format(folder=tmp_path))
    monkeypatch.setenv("PATH", path.format(folder=tmp_path))
    assert main([]) == ExitCode.SETTINGS
    assert named in one_line(capsys)


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    assert main([]) == ExitCode.SETTINGS
    assert "run pip install '.[chaos]'" in one_line(capsys)


@pytest.mark.usefixtures("everything_is_installed")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--profile", "fast"], "PROFILE=fast: no such profile; choose one of quick, long"),
        (["--resume"], "--resume: name the folder of the run with --run"),
        (["--resume", "--run", "no-such-folder"], "no run to resume in this folder"),
        (["--compare", "--program", "quix"], "--compare: runs all programs"),
    ],
)
def test_an_error_of_the_user_is_one_line(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == ExitCode.SETTINGS
    assert named in one_line(capsys)


@pytest.mark.usefixtures("everything_is_installed")
def test_a_folder_that_has_a_run_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SavedState({}).write(tmp_path)
    assert main(["--run", str(tmp_path)]) == ExitCode.SETTINGS
    assert "the folder has a run already" in one_line(capsys)


@pytest.mark.apache
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_small_run_keeps_the_promise_and_prints_its_figures(tmp_path: Path) -> None:
    picture = tmp_path / "run.svg"
    arguments = ["--faults", "6", "--records", "20000", "--seed", "1", "--picture", str(picture)]
    ended = subprocess.run(
        [sys.executable, "-m", "chaos", *arguments],
        env={**os.environ, "KAFKA_HOME": str(kafka_home())},
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert ended.returncode == ExitCode.OK, ended.stderr
    line = json.loads(ended.stdout.splitlines()[-1])
    assert (line["lost"], line["doubled"], line["out_of_order"], line["redis_difference"], line["stuck"]) == (0,) * 5
    assert line["records"] >= 20_000
    assert line["faults_in_all"] + len(line["not_injected"]) == 6
    assert line["seed"] == 1
    assert line["broken"] == []
    assert picture.is_file()
