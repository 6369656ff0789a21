"""The programs: a wrong setting is one line and a named exit code; short programs import little."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.model_folders import write_folder, write_word_folder
from tweets.emotions import EMOTIONS, NEUTRAL
from worker.__main__ import main
from worker.counts import MetadataLimit
from worker.errors import ExitCode, FatalError, TransientError
from worker.process.metrics import Metrics
from worker.run import _load_classifier
from worker.settings import Settings, load_settings
from worker.time_limits import TimeLimit

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Remove the settings of this machine, and restore the log afterwards."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    root, kafka = logging.getLogger(), logging.getLogger("kafka")
    before = root.handlers[:], root.level, kafka.level
    yield
    root.handlers[:], root.level, kafka.level = before


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = write_folder(tmp_path / "model")
    monkeypatch.setenv("MODEL_PATH", str(path))
    monkeypatch.setenv("DEVICE", "cpu")
    return path


def _only_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    lines: list[str] = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    return lines[0]


@pytest.mark.parametrize("program", [[], ["classify", "a"], ["create-topics"], ["verify"]], ids=str)
def test_a_wrong_setting_is_one_line_in_every_program(
    program: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("METRICS_PORT", "web")
    assert main(program) == ExitCode.SETTINGS
    assert _only_line(capsys).startswith("worker: METRICS_PORT=web: ")


def test_a_missing_model_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MODEL_PATH", "/nowhere/model")
    assert main(["classify", "a"]) == ExitCode.MODEL
    assert _only_line(capsys).startswith("worker: MODEL_PATH=/nowhere/model: there is no such folder")


@pytest.mark.parametrize("program", ["create-topics", "verify"])
def test_a_kafka_that_does_not_answer_is_one_line(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(settings: Settings) -> None:
        raise TransientError("connection refused")

    monkeypatch.setattr("worker.time_limits.START", TimeLimit(0, "no second attempt"))
    monkeypatch.setattr("worker.kafka.reachable._try_to_reach", unreachable)
    assert main([program]) == ExitCode.KAFKA
    line = _only_line(capsys)
    assert "Kafka at localhost:9092 cannot be reached (connection refused)" in line
    assert "KAFKA_BOOTSTRAP_SERVERS" in line


def test_a_redis_url_that_cannot_be_understood_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@localhost:99999/0")
    monkeypatch.setattr("worker.kafka.reachable._try_to_reach", lambda settings: None)
    assert main(["verify"]) == ExitCode.SETTINGS
    line = _only_line(capsys)
    assert line.startswith("worker: REDIS_URL=(hidden): ")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    "arguments", [["clasify", "a"], ["classify", "--jsn"], ["verify", "--timeout", "soon"]], ids=str
)
def test_a_wrong_option_is_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == ExitCode.SETTINGS
    assert "usage: python -m worker" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FatalError("no", ExitCode.TOPICS), ExitCode.TOPICS),
        (FatalError("no", ExitCode.REDIS), ExitCode.REDIS),
        (TransientError("no"), ExitCode.KAFKA),
        (KeyboardInterrupt(), 130),
    ],
    ids=repr,
)
def test_each_way_to_fail_has_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr("worker.commands.create_topics", fail)
    assert main(["create-topics"]) == code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("model")
def test_classify_prints_a_line_for_each_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", "i feel fine", "ça va 😀"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[-1] for line in lines] == ["i feel fine", "ça va 😀"]
    assert all(line.split()[0] in EMOTIONS and "16.7%" in line for line in lines)


@pytest.mark.usefixtures("model")
def test_classify_reads_lines_of_stdin_and_writes_objects(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeffi feel fine\r\n\nsad\n"))
    assert main(["classify", "--json"]) == ExitCode.OK
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == ["i feel fine", "sad"]
    assert list(rows[0]) == ["text", "emotion", "confidence", "scores", "model"]
    assert list(rows[0]["scores"]) == list(EMOTIONS)
    assert rows[0]["model"] == "tiny-1"


@pytest.fixture
def model_with_neutral(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = write_word_folder(tmp_path / "words", neutral={"scale": 1.0, "shift": 0.5})
    monkeypatch.setenv("MODEL_PATH", str(path))
    monkeypatch.setenv("DEVICE", "cpu")
    return path


@pytest.mark.usefixtures("model_with_neutral")
def test_classify_shows_neutral_and_applies_the_threshold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", "--json", "rain"]) == ExitCode.OK
    row = json.loads(capsys.readouterr().out)
    assert list(row) == ["text", "emotion", "confidence", "scores", "neutral", "model"]
    assert (row["emotion"], row["neutral"]) == ("sadness", 0.99106)
    monkeypatch.setenv("NEUTRAL_THRESHOLD", "0.9")
    assert main(["classify", "--json", "rain"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == row | {"emotion": "neutral", "confidence": row["neutral"]}
    assert main(["classify", "rain", "happy"]) == ExitCode.OK
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["neutral", "joy"]


@pytest.mark.usefixtures("model")
def test_a_threshold_for_a_model_without_neutral_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEUTRAL_THRESHOLD", "0.9")
    assert main(["classify", "a"]) == ExitCode.SETTINGS
    assert _only_line(capsys).startswith("worker: NEUTRAL_THRESHOLD=0.9: the model tiny-1 in MODEL_PATH=")


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(("threshold", "words"), [("1.5", "less than or equal to 1"), ("0.9", "no neutral output")])
@pytest.mark.parametrize("program", ["worker", "dashboard"])
def test_a_program_with_a_wrong_threshold_does_not_start(program: str, threshold: str, words: str) -> None:
    ports = {"METRICS_PORT": "0", "DASHBOARD_PORT": "0"}
    code, out, err = _run(["-m", program], {"NEUTRAL_THRESHOLD": threshold, **ports})
    assert (code, out) == (ExitCode.SETTINGS, "")
    assert f"NEUTRAL_THRESHOLD={threshold}: " in err.splitlines()[-1]
    assert words in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.usefixtures("model_with_neutral")
@pytest.mark.parametrize(("threshold", "refused"), [("", False), ("0.9", True)])
def test_the_size_check_of_the_offset_metadata_includes_neutral(threshold: str, refused: bool) -> None:
    between = (MetadataLimit(EMOTIONS).bytes_needed() + MetadataLimit((*EMOTIONS, NEUTRAL)).bytes_needed()) // 2
    env = {"NEUTRAL_THRESHOLD": threshold, "KAFKA_OFFSET_METADATA_MAX_BYTES": str(between), "METRICS_PORT": "0"}
    settings = _settings(env)
    if refused:
        with pytest.raises(FatalError, match=r"the counts of 7 labels .* KAFKA_OFFSET_METADATA_MAX_BYTES=") as caught:
            _load_classifier(settings, Metrics())
        assert caught.value.exit_code is ExitCode.MODEL
    else:
        assert _load_classifier(settings, Metrics()).emotions == EMOTIONS


@pytest.mark.usefixtures("model_with_neutral")
def test_every_series_of_the_seven_labels_is_shown_at_the_start() -> None:
    metrics = Metrics()
    _load_classifier(_settings({"NEUTRAL_THRESHOLD": "0.9"}), metrics)
    value = metrics.registry.get_sample_value
    assert value("emotion_tweets_classified_total", {"emotion": NEUTRAL}) == 0
    pairs = [value("emotion_confusion_total", {"label": label, "emotion": emotion})
             for label in (*EMOTIONS, NEUTRAL) for emotion in (*EMOTIONS, NEUTRAL)]  # fmt: skip
    assert pairs == [0] * 49


def _settings(env: Mapping[str, str]) -> Settings:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in env.items():
            patched.setenv(name, value)
        return load_settings()


def _run(arguments: Sequence[str | bytes], env: Mapping[str, str], stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, stdout and stderr, under the strict encoding that most people's terminals have."""
    surroundings: dict[str, str] = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict", **env}
    done = subprocess.run(
        [sys.executable, *arguments], env=surroundings, input=stdin, capture_output=True, timeout=60, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize(
    ("texts", "stdin"), [([], b"fine\ncaf\xe9\n"), (["fine", b"caf\xe9"], b"")], ids=["stdin", "argument"]
)
def test_classify_survives_bytes_that_are_not_utf8(form: list[str], texts: list[str | bytes], stdin: bytes) -> None:
    code, out, err = _run(["-m", "worker", "classify", *form, *texts], {}, stdin)
    assert "Traceback" not in err
    assert code == ExitCode.OK
    assert ["caf" in line for line in out.splitlines()] == [False, True]


@pytest.mark.usefixtures("model")
def test_classify_ends_quietly_when_its_reader_has_seen_enough() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "worker", "classify", "i feel fine"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.usefixtures("model")
def test_classify_imports_neither_torch_nor_kafka() -> None:
    program = (
        "import sys; from worker.__main__ import main; code = main(['classify', 'i feel fine']); "
        "print(sorted({'torch', 'transformers', 'kafka', 'redis'} & set(sys.modules)), code)"
    )
    code, out, err = _run(["-c", program], {})
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "[] 0"


def test_the_programs_help_imports_hardly_anything() -> None:
    program = (
        "import sys; from worker.__main__ import _parser; _parser().format_help(); "
        "print(sorted({'torch', 'kafka', 'redis', 'numpy', 'onnxruntime', 'pydantic_settings'} & set(sys.modules)))"
    )
    code, out, _ = _run(["-c", program], {})
    assert code == 0
    assert set(json.loads(out.replace("'", '"'))) <= {"pydantic_settings"}


def test_a_worker_without_its_model_ends_with_one_line_in_the_log() -> None:
    code, out, err = _run(["-m", "worker"], {"MODEL_PATH": "/nowhere/model", "METRICS_PORT": "0"})
    assert code == ExitCode.MODEL
    assert out == ""
    critical = [line for line in err.splitlines() if "CRITICAL" in line]
    assert len(critical) == 1
    assert "MODEL_PATH=/nowhere/model: there is no such folder" in critical[0]
    assert "Traceback" not in err
