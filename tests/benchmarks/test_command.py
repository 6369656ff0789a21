"""`python -m benchmarks`: errors of the user are one line, and a small run with real servers has every key."""

import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.suite import profiles, report
from benchmarks.suite.command import Plan, measure
from benchmarks.suite.errors import BenchmarkError
from benchmarks.suite.profiles import Profile
from benchmarks.suite.texts import Text, Texts
from tests.benchmarks.test_results import KEYS
from worker.errors import ExitCode
from worker.settings import BUNDLED_MODEL


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore what `main` changes."""
    monkeypatch.setenv("MODEL_PATH", str(BUNDLED_MODEL))
    monkeypatch.delenv("KAFKA_HOME", raising=False)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--profile", "fast"], "PROFILE=fast: no such profile; choose one of quick, full"),
        (["--profile", ""], "PROFILE=: no such profile"),
        (["--dataset", "no-such-file.jsonl"], "DATASET=no-such-file.jsonl: "),
        (["--model", "no-such-folder"], "no-such-folder"),
        (["--before", "no-such-checkout"], "no-such-checkout: not a checkout of this project"),
        (["--parts", "latency"], "measure end-to-end too"),
    ],
)
def test_an_error_of_the_user_is_one_line(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == ExitCode.SETTINGS
    written = capsys.readouterr()
    assert written.out == ""
    (line,) = written.err.splitlines()
    assert line.startswith("error: ")
    assert named in line


@pytest.mark.parametrize("package", ["matplotlib", "psutil"])
def test_a_missing_package_is_one_line_before_anything_is_measured(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for module in [name for name in sys.modules if name.startswith("benchmarks.suite")]:
        monkeypatch.delitem(sys.modules, module)
    assert main(["--parts", "worker"]) == ExitCode.SETTINGS
    assert capsys.readouterr().err == (
        f"error: package {package} is missing; run pip install '.[bench]' in the project's folder\n"
    )


@pytest.mark.parametrize(
    ("jar", "path", "named"), [(False, None, "no libs/kafka*.jar in it"), (True, "", "java is not installed")]
)
def test_a_kafka_that_cannot_be_started_is_one_line_before_anything_is_measured(
    jar: bool,
    path: str | None,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "libs").mkdir()
    if jar:
        (tmp_path / "libs" / "kafka_2.13-4.1.0.jar").touch()
    if path is not None:
        monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    assert main(["--parts", "worker"]) == ExitCode.SETTINGS
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: KAFKA_HOME={tmp_path}: {named}")


def test_a_model_of_a_family_without_the_known_sizes_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"n_layers": 6}', encoding="utf-8")
    with pytest.raises(BenchmarkError, match=r"config\.json lacks"):
        measure(Plan(profiles.PROFILES["quick"], Texts("sample", [Text("happy", "happy", 3)]), tmp_path))


def test_the_workers_serve_the_model_that_the_peers_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_PATH", "another-model")
    main(["--parts", "latency"])
    assert os.environ["MODEL_PATH"] == str(BUNDLED_MODEL)


@pytest.mark.servers
@pytest.mark.slow
def test_a_small_run_ends_with_a_line_that_has_every_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(profiles.PROFILES, "tiny", Profile("tiny", 1, 0.1, 1, 1.0, 1, 1.0, 1.0, 50_000))
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    assert main(["--profile", "tiny", "--parts", "worker"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found.keys() >= KEYS
    assert found["instant_engine_tweets_per_second"] > 0
    assert found["instant_exactly_once_over_at_least_once"] > 0
    assert found["engine_over_openvino"] is None
    assert found["kafka"] == "embedded"
    assert found["skipped"]["part engine"] == "not asked for"
    assert (tmp_path / "benchmark.svg").read_text(encoding="utf-8").startswith("<?xml")
