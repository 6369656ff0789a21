"""The program: a user's mistake is one line and a named exit code; a dead thread stops the program."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dashboard.settings import load_dashboard_settings
from dashboard.thread_watch import ThreadWatch
from tests.dashboard.page_process import NO_SERVERS
from tests.model_folders import write_folder
from worker.errors import ExitCode
from worker.process.stop import StopFlag
from worker.settings import SettingsError

ROOT = Path(__file__).parents[2]


def finished(folder: Path, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "dashboard"],
        cwd=folder,
        env={**os.environ, **NO_SERVERS, "PYTHONPATH": str(ROOT), "DASHBOARD_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DASHBOARD_PORT": "70000"}, "DASHBOARD_PORT=70000: "),
        ({"DASHBOARD_ROOT_PATH": "emotions"}, "DASHBOARD_ROOT_PATH=emotions: "),
        ({"DASHBOARD_ROOT_PATH": "/emotions/"}, "DASHBOARD_ROOT_PATH=/emotions/: "),
        ({"DASHBOARD_ROOT_PATH": "/a/../b"}, "DASHBOARD_ROOT_PATH=/a/../b: "),
        ({"DASHBOARD_HOST": "no.such.host.invalid"}, "DASHBOARD_HOST=no.such.host.invalid"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_one_line(environment: dict[str, str], words: str, tmp_path: Path) -> None:
    done = finished(tmp_path, environment)
    assert done.returncode == ExitCode.SETTINGS, done
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_settings_are_those_of_the_worker_and_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DASHBOARD_PORT": "0",
        "DASHBOARD_ALLOWED_HOSTS": "A.example, b.example,",
        **NO_SERVERS,
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_dashboard_settings()
    assert (settings.dashboard_port, settings.kafka_bootstrap_servers) == (0, "127.0.0.1:1")
    assert settings.allowed_hosts == {"a.example", "b.example"}
    monkeypatch.setenv("DASHBOARD_PORT", "web")
    with pytest.raises(SettingsError, match=r"^DASHBOARD_PORT=web: "):
        load_dashboard_settings()


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = finished(tmp_path, {"DASHBOARD_PORT": str(port)})
    assert done.returncode == ExitCode.SETTINGS
    assert f"DASHBOARD_PORT={port}: cannot listen there" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_broken_model_is_one_line(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    (folder / "config.json").write_text("{}")
    done = finished(tmp_path, {"MODEL_PATH": str(folder)})
    assert done.returncode == ExitCode.MODEL
    assert f"MODEL_PATH={folder}: config.json does not have the SHA-256" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_error_of_a_thread_sets_the_flag() -> None:
    stop = StopFlag()

    def die() -> None:
        raise ValueError("the thread's error")

    ThreadWatch(stop).start("failing", die).join(5)
    assert stop.is_set()
    assert str(stop.failure) == "the thread's error"


def test_a_thread_that_returns_before_the_stop_is_an_error() -> None:
    stop = StopFlag()
    ThreadWatch(stop).start("early", lambda: None).join(5)
    assert stop.is_set()
    assert "the thread early returned before" in str(stop.failure)


def test_a_thread_that_returns_after_the_stop_is_no_error() -> None:
    stop = StopFlag()

    def work() -> None:
        stop.wait(5)

    thread = ThreadWatch(stop).start("orderly", work)
    stop.set()
    thread.join(5)
    assert stop.failure is None
