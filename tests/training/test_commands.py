"""From training to labelled texts: train, export, evaluate, and `python -m worker classify` with the model."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training.moods import MakeBase, MakeDataset, rows_of
from training.__main__ import main
from worker.inference.manifest import sha256

PLAIN = ["--r-drop", "0", "--shifted", "0", "--unannounced", "0"]
QUICK = ["--epochs", "4", "--learning-rate", "1e-2", "--batch-size", "8", "--ema-decay", "0.5", *PLAIN]
LABELS = ("glad", "low", "cross")
MODEL_FILES = {
    "README.md",
    "SHA256SUMS",
    "config.json",
    "golden.json",
    "metrics.json",
    "model.int8.onnx",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return summary


def train(tmp_path: Path, dataset: str, base: str, *more: str) -> int:
    run, model = tmp_path / "run", tmp_path / "model"
    where = ["--dataset", dataset, "--base", base, "--run", str(run), "--model", str(model)]
    return main(["train", *where, *QUICK, *more])


def classified(model: Path, *texts: str) -> list[dict[str, Any]]:
    """Return the predictions of `python -m worker classify` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "worker", "classify", "--json", *texts],
        env={**os.environ, "MODEL_PATH": str(model)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_model_with_other_labels_goes_from_training_to_labelled_texts(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, moods, tiny_base, "--name", "moods", "--vocabulary-rows", "80") == 0
    summary = last_line(capsys)
    assert summary["labels"] == list(LABELS)
    assert summary["test_accuracy"] == 1.0
    model = tmp_path / "model"
    assert {path.name for path in model.iterdir()} == MODEL_FILES
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=model, check=True, capture_output=True)
    assert str(tmp_path) not in (model / "config.json").read_text() + (model / "README.md").read_text()

    glad, cross = classified(model, "I feel SO sunny!", "I feel so FURIOUS... rage!!")
    assert (glad["emotion"], cross["emotion"]) == ("glad", "cross")
    assert set(glad["scores"]) == set(LABELS)
    assert math.isclose(sum(glad["scores"].values()), 1.0, abs_tol=1e-5)
    assert glad["model"] == summary["model_id"]
    assert glad["model"].startswith("moods-")

    evaluation = ["evaluate", "--model", str(model), "--dataset", moods, "--output", str(tmp_path / "evaluation")]
    assert main([*evaluation, "--json"]) == 0
    found = last_line(capsys)
    measured = json.loads((model / "metrics.json").read_text())["scores"]["test"]
    assert {name: found[name] for name in measured["int8"]} == measured["int8"]
    assert main([*evaluation, "--engine", "torch"]) == 0
    assert last_line(capsys)["accuracy"] == measured["fp32"]["accuracy"]


def test_the_model_folder_opens_in_a_plain_pipeline(tmp_path: Path, moods: str, tiny_base: str) -> None:
    from transformers import pipeline

    assert train(tmp_path, moods, tiny_base) == 0
    model = tmp_path / "model"
    classify = pipeline("text-classification", model=str(model), device=-1)
    assert type(classify.model).__name__ == "DistilBertForSequenceClassification"
    assert classify("i feel so lonely")[0]["label"] == classified(model, "i feel so lonely")[0]["emotion"]


def test_the_same_seed_gives_the_same_model(tmp_path: Path, moods: str, tiny_base: str) -> None:
    made = []
    for seed in ("1", "1", "2"):
        assert train(tmp_path, moods, tiny_base, "--seed", seed, "--epochs", "1", "--r-drop", "1", "--no-export") == 0
        made.append(sha256(tmp_path / "run" / "model.safetensors"))
    assert made[0] == made[1] != made[2]


def test_an_export_can_be_repeated_where_the_data_set_has_moved(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, moods, tiny_base, "--no-export") == 0
    assert not (tmp_path / "model").exists()
    moved = Path(moods).rename(tmp_path / "elsewhere")
    export = ["export", "--run", str(tmp_path / "run"), "--model", str(tmp_path / "model")]
    assert main(export) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert main([*export, "--dataset", str(moved)]) == 0
    assert {path.name for path in (tmp_path / "model").iterdir()} == MODEL_FILES


def test_another_data_set_than_the_runs_own_is_refused(
    tmp_path: Path, moods: str, tiny_base: str, make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, moods, tiny_base, "--no-export") == 0
    make_dataset(validation=rows_of(LABELS, each=2))
    assert main(["export", "--run", str(tmp_path / "run"), "--model", str(tmp_path / "model")]) == 2
    assert "split 'validation' is not the one this run was trained with" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_a_distilbert_of_the_usual_size_is_trained_and_exported(
    tmp_path: Path, make_base: MakeBase, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(**{split: rows_of(LABELS, each=2) for split in ("train", "validation", "test")})
    base = make_base()  # 6 layers of 768 units, 12 heads
    assert train(tmp_path, dataset, base, "--epochs", "1", "--learning-rate", "1e-5", "--max-tokens", "16") == 0
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (config["n_layers"], config["dim"]) == (6, 768)
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert metrics["scores"]["validation"]["mean_score_difference"] < 0.02
    (prediction,) = classified(tmp_path / "model", "i feel so glad")
    assert set(prediction["scores"]) == set(LABELS)


@pytest.mark.parametrize(
    ("splits", "more", "expected"),
    [
        ({"train": [{"tweet": "a"}]}, (), "no column 'text'"),
        ({"train": []}, (), "no row has a label"),
        ({"train": rows_of(LABELS, each=2)}, (), "no split 'validation'"),
        ({"train": rows_of(LABELS, each=2), "validation": []}, (), "split 'validation' is empty"),
        ({"train": rows_of(LABELS, each=2)}, ("--labels", "glad,low"), "unknown label 'cross'"),
        ({"train": rows_of(LABELS, each=2)}, ("--labels", "glad,low,cross,bored"), "no row labelled bored"),
    ],
)
def test_a_data_set_that_cannot_be_used_gives_one_line_and_leaves_nothing(
    tmp_path: Path,
    make_dataset: MakeDataset,
    capsys: pytest.CaptureFixture[str],
    splits: dict[str, Any],
    more: tuple[str, ...],
    expected: str,
) -> None:
    dataset = make_dataset(**splits)
    assert train(tmp_path, dataset, "minilm", *more) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["moods"]


def test_a_base_that_does_not_exist_gives_one_line_and_leaves_nothing(
    tmp_path: Path, moods: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, moods, str(tmp_path / "nowhere")) == 2
    assert "no such folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["moods"]


def test_the_error_names_a_data_set_path_that_does_not_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, str(tmp_path / "nowhere"), "minilm") == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_model_folder_with_other_files_is_refused_before_training(
    tmp_path: Path, moods: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("")
    assert train(tmp_path, moods, "minilm") == 2
    assert "is not exactly a model folder that this program wrote" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_the_error_names_a_folder_of_the_wrong_kind(
    tmp_path: Path, moods: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"evaluate": ["--model", moods], "export": ["--run", moods, "--model", str(tmp_path / "model")]}[command]
    assert main([command, *wrong]) == 2
    captured = capsys.readouterr()
    assert moods in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["train", "--epochs", "0"],
        ["train", "--epochs", "many"],
        ["train", "--labels", "one"],
        ["train", "--labels", "a,a"],
        ["train", "--learning-rate", "nan"],
        ["train", "--warmup", "2"],
        ["train", "--normalizer", "tweet-v9"],
        ["train", "--imbalance", "more"],
        ["evaluate", "--engine", "tensorflow"],
        ["evaluate", "--budget", "tiny"],
        ["tune", "--trials", "0"],
        ["unknown"],
        [],
    ],
)
def test_a_wrong_option_ends_with_exit_code_2(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(wrong)
    assert stopped.value.code == 2


def test_a_closed_stdout_is_not_an_error(tmp_path: Path, moods: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "training", "explore", "--dataset", moods, "--output", str(tmp_path / "explored")]
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(writer)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
