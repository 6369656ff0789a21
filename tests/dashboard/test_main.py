"""The program: what a person did wrong is one line and a named exit code; a dead thread ends it."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dashboard.settings import load_dashboard_settings
from dashboard.stop import Stop
from tests.dashboard.page_process import NOBODY
from tests.model_folders import write_folder
from worker.errors import ExitCode
from worker.settings import SettingsError

ROOT = Path(__file__).parents[2]


def ended(folder: Path, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "dashboard"],
        cwd=folder,
        env={**os.environ, **NOBODY, "PYTHONPATH": str(ROOT), "DASHBOARD_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DASHBOARD_PORT": "70000"}, "DASHBOARD_PORT=70000: "),
        ({"DASHBOARD_HOST": "no.such.host.invalid"}, "DASHBOARD_HOST=no.such.host.invalid"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_one_line(environment: dict[str, str], words: str, tmp_path: Path) -> None:
    done = ended(tmp_path, environment)
    assert done.returncode == ExitCode.SETTINGS, done
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_settings_are_the_workers_and_the_pages_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"DASHBOARD_PORT": "0", "DASHBOARD_ALLOWED_HOSTS": "A.example, b.example,", **NOBODY}.items():
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
        done = ended(tmp_path, {"DASHBOARD_PORT": str(port)})
    assert done.returncode == ExitCode.SETTINGS
    assert f"DASHBOARD_PORT={port}: cannot listen there" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_broken_model_is_one_line(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    (folder / "config.json").write_text("{}")
    done = ended(tmp_path, {"MODEL_PATH": str(folder)})
    assert done.returncode == ExitCode.MODEL
    assert f"MODEL_PATH={folder}: config.json does not have the SHA-256" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_death_of_a_thread_sets_the_flag_and_says_why() -> None:
    stop = Stop()

    def die() -> None:
        raise ValueError("the thread's own words")

    stop.watch("mortal", die).join(5)
    assert stop.is_set()
    assert str(stop.failure) == "the thread's own words"


def test_a_thread_that_just_ends_is_as_good_as_dead() -> None:
    stop = Stop()
    stop.watch("lazy", lambda: None).join(5)
    assert stop.is_set()
    assert "lazy ended by itself" in str(stop.failure)


def test_a_thread_that_ends_after_the_flag_is_no_death() -> None:
    stop = Stop()

    def work() -> None:
        stop.wait(5)

    thread = stop.watch("orderly", work)
    stop.set()
    thread.join(5)
    assert stop.failure is None
