"""`evaluate` of a model with a neutral output, and of data sets whose labels are mapped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.model_folders import sign, write_word_folder
from training.__main__ import main

ROWS = [
    {"text": "happy", "label": "joy"},
    {"text": "angry", "label": "anger"},
    {"text": "sad rain", "label": "sadness"},
    {"text": "scared", "label": "surprise"},
    {"text": "rain", "label": "neutral"},
    {"text": "rain rain", "label": "neutral"},
    {"text": "wow wow", "label": "neutral"},
]
COMMENTS = [
    {"text": "happy", "labels": ["joy"]},
    {"text": "angry", "labels": ["annoyance"]},
    {"text": "wow", "labels": ["annoyance"]},
    {"text": "sad sad", "labels": ["sadness", "curiosity"]},
    {"text": "scared", "labels": ["curiosity"]},
    {"text": "rain", "labels": ["neutral"]},
]
DATA_FILE = """
data:
  - path: talk
    labels: {joy: joy, sadness: sadness, annoyance: anger, curiosity: skip, neutral: neutral}
  - path: other
"""

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Write a model folder with a neutral output, which suggests a threshold."""
    folder = write_word_folder(tmp_path / "model", neutral={"scale": 1.0, "shift": 0.0})
    (folder / "metrics.json").write_text(json.dumps({"neutral": {"threshold": 0.6}}))
    sign(folder)
    return folder


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    path = tmp_path / "tweets.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return str(path)


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """Write a file that maps the labels of a folder of comments."""
    (tmp_path / "talk").mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in COMMENTS)
    (tmp_path / "talk" / "test.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "data.yaml").write_text(DATA_FILE, encoding="utf-8")
    return tmp_path / "data.yaml"


def run(capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    command = ["evaluate", "--model", str(model), "--output", str(tmp_path / "out"), "--resamples", "100"]
    assert main([*command, *arguments, "--json"]) == 0
    summary: dict[str, Any] = json.loads(capsys.readouterr().out)
    return summary


def complaint(capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path, *arguments: str) -> str:
    capsys.readouterr()
    assert main(["evaluate", "--model", str(model), "--output", str(tmp_path / "out"), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_labels_and_neutral_are_scored_apart(
    capsys: pytest.CaptureFixture[str], model: Path, dataset: str, tmp_path: Path
) -> None:
    found = run(capsys, model, tmp_path, "--dataset", dataset)
    assert (found["rows"], found["accuracy"]) == (4, 0.75)
    neutral = found["neutral"]
    assert (neutral["rows"], neutral["labelled_rows"], neutral["threshold"]) == (3, 4, 0.6)
    assert neutral["found"] == pytest.approx(2 / 3, abs=1e-6)
    assert neutral["lost"] == 0.0
    assert neutral["area_under_roc"] == pytest.approx(8 / 12, abs=1e-6)
    assert "not_scored" not in found
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["neutral"] == neutral
    assert report["data"]["rows"] == 7
    assert report["kinds"]["1 to 3 words"] == {"rows": 4, "accuracy": 0.75}


def test_the_threshold_on_the_command_line_has_precedence(
    capsys: pytest.CaptureFixture[str], model: Path, dataset: str, tmp_path: Path
) -> None:
    found = run(capsys, model, tmp_path, "--dataset", dataset, "--neutral-threshold", "0.3")["neutral"]
    assert (found["threshold"], found["lost"]) == (0.3, 0.25)


def test_the_printed_report_has_the_neutral_scores(
    capsys: pytest.CaptureFixture[str], model: Path, dataset: str, tmp_path: Path
) -> None:
    command = ["evaluate", "--model", str(model), "--output", str(tmp_path / "out"), "--dataset", dataset]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "neutral output on 3 neutral rows and the 4 rows with a label" in printed
    assert "above 0.6: neutral rows found 66.67%, rows with a label lost 0.00%" in printed
    (model / "metrics.json").unlink()
    sign(model)
    assert main(command) == 0
    assert "no threshold: the model folder suggests none" in capsys.readouterr().out


def test_a_model_without_the_output_counts_neutral_rows_and_does_not_score_them(
    capsys: pytest.CaptureFixture[str], dataset: str, tmp_path: Path
) -> None:
    plain = write_word_folder(tmp_path / "plain", graph_outputs=6)
    found = run(capsys, plain, tmp_path, "--dataset", dataset)
    assert (found["rows"], found["accuracy"], found["not_scored"]) == (4, 0.75, {"neutral": 3})
    assert "neutral" not in found
    line = complaint(capsys, plain, tmp_path, "--dataset", dataset, "--neutral-threshold", "0.5")
    assert "has no neutral output" in line


def test_mapped_rows_with_a_single_label_are_scored(
    capsys: pytest.CaptureFixture[str], model: Path, data_file: Path, tmp_path: Path
) -> None:
    where = ["--data", str(data_file), "--data-root", str(tmp_path), "--dataset", "talk"]
    found = run(capsys, model, tmp_path, *where)
    assert (found["rows"], found["accuracy"], found["neutral"]["rows"]) == (3, pytest.approx(2 / 3, abs=1e-6), 1)
    assert (found["dataset"], found["data"], found["same_names"]) == ("talk", str(data_file), False)
    strict = run(capsys, model, tmp_path, *where, "--same-names")
    assert (strict["rows"], strict["accuracy"], strict["neutral"]["rows"]) == (1, 1.0, 1)
    assert strict["same_names"] is True


def test_a_wrong_data_file_gives_one_line(
    capsys: pytest.CaptureFixture[str], model: Path, data_file: Path, tmp_path: Path
) -> None:
    where = ["--data", str(data_file), "--data-root", str(tmp_path)]
    assert "no data set is called 'dair-ai/emotion'; choose one with --dataset: talk, other" in complaint(
        capsys, model, tmp_path, *where
    )
    data_file.write_text("data: [{path: talk, labels: {joy: bliss}}]")
    assert "'bliss', which is no label of the model" in complaint(capsys, model, tmp_path, *where, "--dataset", "talk")
    data_file.write_text("data: [{path: talk, labels: {joy: joy}}]")
    assert "label 'annoyance' has no mapping" in complaint(capsys, model, tmp_path, *where, "--dataset", "talk")


@pytest.mark.parametrize("text", ["[]", '{"neutral": {"threshold": "high"}}', "{"])
def test_a_broken_suggestion_gives_one_line(
    capsys: pytest.CaptureFixture[str], model: Path, dataset: str, tmp_path: Path, text: str
) -> None:
    (model / "metrics.json").write_text(text)
    sign(model)
    assert "give one with --neutral-threshold" in complaint(capsys, model, tmp_path, "--dataset", dataset)
