"""The folder of a run is read only if its files are those that were written, and its numbers are those of a run."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from transformers import MPNetConfig, MPNetForSequenceClassification, RobertaConfig, RobertaForSequenceClassification

from tests.model_folders import write_folder
from tests.training.moods import MOODS, distilbert, word_pieces
from training.__main__ import main
from training.evaluate.threshold import suggested_by
from training.export import measured
from training.learn.base import label_maps, load_base
from training.learn.positions import positions
from training.learn.recipe import Recipe
from training.learn.run_folder import RUN_FILE, Run, is_finished, read_run, write_run
from training.output.errors import TrainingError
from training.output.manifest import write_manifest
from training.output.own_folder import RUN_FOLDER
from training.output.whole_folder import whole_folder
from worker.inference.classifier import load_classifier

LABELS = tuple(MOODS)
POSITIONS = 64
RECORD = {
    "base": "base",
    "started_from": None,
    "recipe": Recipe(max_tokens=16, seed=1).as_dict(),
    "vocabulary_rows": 90,
    "limit": None,
    "data": {},
    "best_epoch": 1,
    "epochs": [{"accuracy": 1.0, "macro_f1": 1.0}],
    "training_seconds": 1.0,
    "precision": "fp32",
    "hardware": {"cpu": "a processor", "cores": 1, "machine": "x86_64", "gpus": []},
    "identity": "x",
}
DEEP = "[" * 100_000


def tiny_run(**fields: Any) -> Run:
    tokenizer: Tokenizer = word_pieces()
    sizes = {"dim": 32, "hidden_dim": 64, "n_layers": 1, "n_heads": 4, "max_position_embeddings": POSITIONS}
    model = distilbert(vocab_size=tokenizer.get_vocab_size(), **label_maps(LABELS), **sizes)
    known: dict[str, Any] = {
        "name": "tiny",
        "labels": LABELS,
        "normalizer": "tweet-v1",
        "max_tokens": 16,
        "temperature": 1.0,
        "dataset": "moods",
        "record": dict(RECORD),
    }
    return Run(model=model, tokenizer=tokenizer, **{**known, **fields})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a run as `train` does."""
    with whole_folder(tmp_path / "run", replaces=RUN_FOLDER) as made:
        write_run(made, tiny_run())
    return tmp_path / "run"


def change(folder: Path, *, signed: bool = True, **fields: Any) -> None:
    """Change fields of run.json, and the manifest too if `signed`."""
    record = json.loads((folder / RUN_FILE).read_text()) | fields
    (folder / RUN_FILE).write_text(json.dumps(record))
    if signed:
        write_manifest(folder)


def complaint(folder: Path) -> str:
    with pytest.raises(TrainingError) as caught:
        read_run(folder)
    assert str(caught.value).startswith(f"{folder}: not a training run (")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_run_is_read_as_it_was_written(folder: Path) -> None:
    run = read_run(folder)
    assert (run.name, run.labels, run.max_tokens, run.temperature) == ("tiny", LABELS, 16, 1.0)
    assert run.record == RECORD
    assert is_finished(folder, "x")


def test_a_run_without_a_manifest_is_read_too(folder: Path) -> None:
    """Those of earlier releases have none."""
    (folder / "SHA256SUMS").unlink()
    assert read_run(folder).labels == LABELS


@pytest.mark.parametrize("name", ["run.json", "config.json", "model.safetensors", "tokenizer.json"])
def test_a_file_that_differs_from_the_manifest_is_named(folder: Path, name: str) -> None:
    with (folder / name).open("ab") as file:
        file.write(b" ")
    assert f"{name} does not have the SHA-256 in SHA256SUMS" in complaint(folder)


WRONG: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": math.nan},
    {"temperature": "1"},
    {"max_tokens": POSITIONS + 1},
    {"max_tokens": 10**9},
    {"max_tokens": "16"},
    {"labels": ["glad", "glad", "low"]},
    {"labels": []},
    {"labels": None},
    {"labels": [1, 2, 3]},
    {"normalizer": "tweet-v9"},
    {"normalizer": ["tweet-v1"]},
    {"neutral": {"scale": 0, "shift": 0}},
    {"neutral": {"scale": 1}},
    {"neutral": 1},
    {"recipe": None},
    {"data": []},
    {"best_epoch": 7},
    {"best_epoch": None},
    {"epochs": [{}]},
    {"averaged": {"accuracy": "high", "macro_f1": 1}},
    {"name": ""},
    {"dataset": None},
]


@pytest.mark.parametrize("fields", WRONG, ids=ascii)
def test_a_record_with_a_wrong_value_is_refused(folder: Path, fields: dict[str, Any]) -> None:
    change(folder, **fields)
    complaint(folder)


@pytest.mark.parametrize("text", [DEEP, '{"epochs": ' + DEEP, "", "[]", "null", "{}", "\ufeff{}"], ids=lambda t: t[:9])
def test_a_record_that_is_none_is_refused_and_not_taken_for_a_finished_run(folder: Path, text: str) -> None:
    (folder / RUN_FILE).write_text(text)
    write_manifest(folder)
    complaint(folder)
    assert not is_finished(folder, "x")


@pytest.mark.parametrize("fields", [{"temperature": 0}, {"max_tokens": 10**6}, {"data": {"train": 1}}], ids=ascii)
def test_export_of_a_run_with_a_wrong_value_is_one_line(
    folder: Path, fields: dict[str, Any], moods: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder, **fields)
    model = folder.with_name("model")
    assert main(["export", "--run", str(folder), "--dataset", moods, "--model", str(model)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not model.exists()


def test_files_beside_a_run_are_not_read(folder: Path) -> None:
    before = read_run(folder)
    for name in ("adapter_config.json", "generation_config.json", "model.safetensors.index.json", "pytorch_model.bin"):
        (folder / name).write_text(DEEP)
    (folder / "added_tokens.json").write_text('{"[EXTRA]": 1}')
    assert read_run(folder).record == before.record
    assert "[EXTRA]" not in load_base(str(folder.parent / "run"), LABELS).tokenizer.get_vocab()


def test_a_base_whose_files_differ_from_its_manifest_is_refused(folder: Path) -> None:
    change(folder, signed=False, name="other")
    with pytest.raises(TrainingError, match=r"run\.json does not have the SHA-256"):
        load_base(str(folder), LABELS)


def test_positions_are_those_of_the_table() -> None:
    assert positions(distilbert(dim=8, hidden_dim=8, n_layers=1, n_heads=1, max_position_embeddings=40)) == 40


@pytest.mark.parametrize(
    ("config", "model"),
    [(RobertaConfig, RobertaForSequenceClassification), (MPNetConfig, MPNetForSequenceClassification)],
)
def test_positions_after_that_of_the_padding_are_left_out(config: Any, model: Any) -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    made = model(config(vocab_size=30, max_position_embeddings=42, pad_token_id=1, **sizes))
    assert positions(made) == 40
    made(input_ids=torch.full((1, 40), 5))
    with pytest.raises((IndexError, RuntimeError)):
        made(input_ids=torch.full((1, 41), 5))


@pytest.mark.slow
def test_training_cuts_texts_at_the_positions_of_the_base(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--dataset", moods, "--base", tiny_base, "--run", str(tmp_path / "run"), "--model", str(tmp_path / "m")]
    quick = ["--epochs", "1", "--r-drop", "0", "--shifted", "0", "--unannounced", "0"]
    assert main(["train", *where, *quick, "--max-tokens", "100000"]) == 0
    assert "texts are cut after 64 tokens instead of --max-tokens 100000" in capsys.readouterr().err
    assert json.loads((tmp_path / "m" / "config.json").read_text())["max_tokens"] == POSITIONS
    load_classifier(tmp_path / "m", device="cpu", engine="onnx")
    load_classifier(tmp_path / "m", device="cpu", engine="torch")


@pytest.mark.parametrize("threshold", ["0.5", math.nan, math.inf, -0.1, 1.5, [0.5], True], ids=ascii)
def test_a_suggested_threshold_that_is_no_probability_is_one_line(tmp_path: Path, threshold: Any) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"neutral": {"threshold": threshold}}))
    with pytest.raises(TrainingError, match=r"metrics\.json: no threshold can be read \(.*\); give one"):
        suggested_by(tmp_path)


@pytest.mark.parametrize("text", [DEEP, "[]", '{"neutral": []}', '{"neutral": {"threshold": ' + DEEP])
def test_metrics_that_are_no_metrics_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(TrainingError, match="give one with --neutral-threshold"):
        suggested_by(tmp_path)


def test_an_earlier_model_without_the_record_of_a_run_is_one_line(
    folder: Path,
) -> None:
    before = write_folder(folder.with_name("before"))
    (before / "metrics.json").write_text(DEEP)
    with pytest.raises(TrainingError, match=r"--before .*: metrics\.json has no record of a run"):
        measured._before(before, None)
