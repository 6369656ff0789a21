"""`python -m training evaluate`: figures, lists of rows and pictures, of one model or of two."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from tests.training.moods import MakeDataset, Row, distilbert, rows_of, word_pieces
from training.__main__ import main

LABELS = ("glad", "low", "cross")
QUICK = ["--epochs", "4", "--learning-rate", "1e-2", "--batch-size", "8", "--r-drop", "0", "--ema-decay", "0.5"]
MISLABELLED: list[Row] = [
    {"text": "i feel so lonely and down", "label": "glad"},
    {"text": "i feel so sunny and great", "label": "cross"},
]
PNG = b"\x89PNG"

Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a data set and a tiny base; models are trained in it once for all tests of this file."""
    folder = tmp_path_factory.mktemp("workshop")
    tokenizer = word_pieces()
    sizes = {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "max_position_embeddings": 64}
    distilbert(vocab_size=tokenizer.get_vocab_size(), **sizes).save_pretrained(folder / "base")
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder / "base")
    (folder / "moods").mkdir()
    for split, each in {"train": 40, "validation": 5, "test": 4}.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows_of(LABELS, each=each))
        (folder / "moods" / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def model(workshop: Path) -> Path:
    """Return the folder of a model that was trained on the moods."""
    return trained(workshop, "model", LABELS)


@pytest.fixture(scope="module")
def other_model(workshop: Path) -> Path:
    """Return the folder of another model, with its labels in another order."""
    return trained(workshop, "other", ("cross", "glad", "low"))


def trained(workshop: Path, name: str, labels: tuple[str, ...]) -> Path:
    where = ["--dataset", str(workshop / "moods"), "--base", str(workshop / "base")]
    made = ["--run", str(workshop / f"{name}-run"), "--model", str(workshop / name), "--name", name]
    assert main(["train", *where, *made, "--labels", ",".join(labels), *QUICK]) == 0
    return workshop / name


@pytest.fixture
def evaluate(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """Return a function that runs the command on the model and returns the JSON line."""

    def run(dataset: str, *more: str) -> dict[str, Any]:
        capsys.readouterr()
        command = ["evaluate", "--model", str(model), "--dataset", dataset, "--output", str(tmp_path / "out")]
        assert main([*command, "--resamples", "100", "--json", *more]) == 0
        summary: dict[str, Any] = json.loads(capsys.readouterr().out)
        return summary

    return run


def report(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    return found


def complaint_of(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["evaluate", *command]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


# One model.


def test_the_json_line_has_the_figures_that_export_measured(
    evaluate: Evaluate, model: Path, workshop: Path, tmp_path: Path
) -> None:
    summary = evaluate(str(workshop / "moods"))
    metrics = json.loads((model / "metrics.json").read_text(encoding="utf-8"))
    measured = metrics["scores"]["test"]["int8"]
    assert {name: summary[name] for name in measured} == measured
    assert (summary["model_id"], summary["temperature"]) == (metrics["model_id"], metrics["temperature"])
    assert (summary["split"], summary["engine"], summary["shifted"]) == ("test", "onnx", False)
    for name, (low, high) in summary["intervals"].items():
        assert 0.0 <= low <= high <= 1.0, name
    assert "against" not in summary
    assert summary["pictures"] == ["confusion.png", "reliability.png"]
    for picture in summary["pictures"]:
        assert (tmp_path / "out" / picture).read_bytes().startswith(PNG)


def test_the_other_engine_gives_the_full_precision_figures(evaluate: Evaluate, model: Path, workshop: Path) -> None:
    measured = json.loads((model / "metrics.json").read_text(encoding="utf-8"))["scores"]["test"]["fp32"]
    summary = evaluate(str(workshop / "moods"), "--engine", "torch")
    assert {name: summary[name] for name in measured} == measured


def test_the_report_names_hard_rows_by_id_and_quotes_no_text(
    evaluate: Evaluate, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset(test=[*rows_of(LABELS, each=3), *MISLABELLED])
    summary = evaluate(dataset)
    found = report(tmp_path)
    assert {name: found[name] for name in summary} == summary
    assert {row["id"] for row in found["most_confidently_wrong"]} == {"moods-test-9", "moods-test-10"}
    assert {row["id"] for row in found["hardest"][:2]} == {"moods-test-9", "moods-test-10"}
    by_id = {row["id"]: row for row in found["hardest"]}
    assert (by_id["moods-test-9"]["label"], by_id["moods-test-9"]["prediction"]) == ("glad", "low")
    assert sum(map(sum, found["confusion"])) == sum(line["rows"] for line in found["reliability"]) == 11
    assert "lonely" not in (tmp_path / "out" / "report.json").read_text(encoding="utf-8")


def test_texts_are_printed_to_a_terminal_only(
    model: Path,
    make_dataset: MakeDataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = make_dataset(test=[*rows_of(LABELS, each=3), *MISLABELLED])
    command = ["evaluate", "--model", str(model), "--dataset", dataset, "--output", str(tmp_path / "out")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "moods-test-9" in printed
    assert re.search("moods-test-9 +labelled glad +predicted low ", printed)
    assert "lonely" not in printed
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(command) == 0
    assert "i feel so lonely and down" in capsys.readouterr().out


def test_a_shifted_split_has_the_same_rows_with_other_texts(evaluate: Evaluate, workshop: Path, tmp_path: Path) -> None:
    plain, plain_report = evaluate(str(workshop / "moods")), report(tmp_path)
    shifted, shifted_report = evaluate(str(workshop / "moods"), "--shifted"), report(tmp_path)
    assert shifted["shifted"] is True
    assert shifted_report["data"]["sha256"] != plain_report["data"]["sha256"]
    supports = [{label: row["support"] for label, row in one["per_class"].items()} for one in (plain, shifted)]
    assert supports[0] == supports[1]


def test_a_limit_takes_the_first_rows(evaluate: Evaluate, workshop: Path) -> None:
    assert evaluate(str(workshop / "moods"), "--limit", "5")["rows"] == 5


def test_a_warning_gives_the_number_of_rows_that_are_in_the_training_split_too(
    model: Path, make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(LABELS, each=2)
    dataset = make_dataset(train=rows, test=[*rows[:2], {"text": "rage about tears", "label": "cross"}])
    command = ["evaluate", "--model", str(model), "--output", str(tmp_path / "out"), "--dataset"]
    assert main([*command, dataset]) == 0
    assert "2 of 3 rows of 'test' are also in 'train'" in capsys.readouterr().err
    for without_training_split in (f"{dataset}/test.jsonl", make_dataset(validation=rows, train=[{"text": "a"}])):
        assert main([*command, without_training_split]) == 0
        assert "warning" not in capsys.readouterr().err


# Against another model.


def test_a_model_does_not_differ_from_itself(evaluate: Evaluate, model: Path, workshop: Path, tmp_path: Path) -> None:
    summary = evaluate(str(workshop / "moods"), "--against", str(model))
    found = summary["against"]
    assert (found["only_this_right"], found["only_other_right"], found["mcnemar_p"]) == (0, 0, 1.0)
    assert found["accuracy_difference"] == {"value": 0.0, "interval": [0.0, 0.0]}
    assert set(report(tmp_path)["against"]["f1_differences"]) == set(LABELS)
    assert summary["pictures"][-1] == "comparison.png"
    assert (tmp_path / "out" / "comparison.png").read_bytes().startswith(PNG)
    evaluate(str(workshop / "moods"))
    assert not (tmp_path / "out" / "comparison.png").exists()


def test_labels_in_another_order_are_compared_by_name(
    evaluate: Evaluate, model: Path, other_model: Path, workshop: Path
) -> None:
    dataset = str(workshop / "moods")
    found = evaluate(dataset, "--against", str(other_model))["against"]
    alone = evaluate(dataset, "--model", str(other_model))
    assert (found["accuracy"], found["macro_f1"]) == (alone["accuracy"], alone["macro_f1"])
    assert alone["accuracy"] > 0.5


def test_a_model_with_other_labels_is_refused(
    model: Path, workshop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from worker.settings import BUNDLED_MODEL

    where = ["--model", str(model), "--dataset", str(workshop / "moods"), "--output", str(tmp_path / "out")]
    complaint = complaint_of([*where, "--against", str(BUNDLED_MODEL)], capsys)
    assert "only models with the same labels can be compared" in complaint


# Rows, models and outputs that cannot be used.


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "split 'test' is empty"),
        ([{"text": "i feel so glad", "label": "bored"}], "unknown label 'bored'"),
        ([{"text": "i feel so glad"}], "no label"),
    ],
)
def test_rows_that_cannot_be_scored_give_one_line(
    model: Path,
    make_dataset: MakeDataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: list[Row],
    complaint: str,
) -> None:
    where = ["--model", str(model), "--output", str(tmp_path / "out"), "--dataset", make_dataset(test=rows)]
    assert complaint in complaint_of(where, capsys)


def test_a_folder_that_is_no_model_gives_one_line(
    model: Path, workshop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--dataset", str(workshop / "moods"), "--output", str(tmp_path / "out")]
    assert str(tmp_path) in complaint_of(["--model", str(tmp_path), *where], capsys)
    against = str(tmp_path / "nowhere")
    assert against in complaint_of(["--model", str(model), "--against", against, *where], capsys)
    assert not (tmp_path / "out").exists()


def test_a_damaged_model_gives_one_line(
    model: Path, workshop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = shutil.copytree(model, tmp_path / "damaged")
    (damaged / "tokenizer.json").write_text("{}")
    where = ["--dataset", str(workshop / "moods"), "--output", str(tmp_path / "out")]
    assert "tokenizer.json" in complaint_of(["--model", str(damaged), *where], capsys)


def test_an_output_that_is_a_file_gives_one_line(
    model: Path, workshop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("")
    where = ["--model", str(model), "--dataset", str(workshop / "moods"), "--output", str(tmp_path / "out")]
    assert "choose another --output" in complaint_of(where, capsys)
