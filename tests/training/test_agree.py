"""`agree`: two passes of labels over the same rows."""

import json
from pathlib import Path

import pytest

from training.__main__ import main
from training.data.second_pass import SECOND_PASS_FILE, read_second_pass
from training.export.card import model_card
from training.output.errors import TrainingError
from training.score.agreement import Disagreement, agreement
from tweets.datasets import SAMPLE, read_rows
from worker.settings import BUNDLED_MODEL

ROWS = ["joy", "joy", "anger", "fear"]


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    path = tmp_path / "tweets.jsonl"
    path.write_text("".join(json.dumps({"text": f"t{n}", "label": label}) + "\n" for n, label in enumerate(ROWS)))
    return str(path)


def second(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "second.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(path)


def test_kappa_is_that_of_the_formula() -> None:
    first = dict(enumerate(["a"] * 25 + ["b"] * 25))
    other = dict(enumerate(["a"] * 20 + ["b"] * 5 + ["a"] * 10 + ["b"] * 15))
    found = agreement(first, other)
    assert found.share == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.disagreements[0] == Disagreement(20, "a", "b")
    assert found.as_dict()["pairs"] == {"b / a": 10, "a / b": 5}


def test_equal_labels_agree_completely_and_strangers_cannot_be_compared() -> None:
    assert agreement({0: "a", 1: "b"}, {0: "a", 1: "b", 7: "a"}).kappa == 1.0
    assert agreement({0: "a"}, {0: "a"}).kappa == 1.0
    with pytest.raises(ValueError, match="no row in common"):
        agreement({0: "a"}, {1: "a"})


def test_the_command_names_the_rows_with_different_labels(
    tmp_path: Path, dataset: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps({"number": n, "label": "joy"}) for n in (2, 0, 1)]
    assert main(["agree", "--dataset", dataset, "--second", second(tmp_path, *lines, "")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "66.7% of 3 rows the same label" in printed[0]
    assert printed[1] == "tweets-test-2  first anger, second joy"
    summary = json.loads(printed[-1])
    assert (summary["rows"], summary["same_label"], summary["pairs"]) == (3, 0.666667, {"anger / joy": 1})


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 1: not a label (JSONDecodeError)"),
        ('{"number": 0}', "line 1: not a label (KeyError)"),
        ('{"number": "0", "label": "joy"}', "number or label of another type"),
        ('{"number": 9, "label": "joy"}', "has no labelled row 9"),
        ("", "no row in common"),
    ],
)
def test_a_wrong_file_gives_one_line(
    tmp_path: Path, dataset: str, capsys: pytest.CaptureFixture[str], line: str, complaint: str
) -> None:
    assert main(["agree", "--dataset", dataset, "--second", second(tmp_path, line)]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_row_with_two_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="line 2: row 0 has a label in an earlier line"):
        read_second_pass(Path(second(tmp_path, '{"number": 0, "label": "joy"}', '{"number": 0, "label": "fear"}')))
    with pytest.raises(TrainingError, match="cannot be read"):
        read_second_pass(tmp_path / "missing.jsonl")


def test_the_second_pass_over_the_sample_is_complete() -> None:
    labels = read_second_pass(SECOND_PASS_FILE)
    first = {row.number: row.label for row in read_rows(SAMPLE, "test")}
    assert labels.keys() == first.keys()
    assert set(labels.values()) <= set(first.values())


def test_the_card_has_the_agreement() -> None:
    metrics = json.loads((BUNDLED_MODEL / "metrics.json").read_text(encoding="utf-8"))
    scores = {**metrics["scores"]["test"], "best_temperature": 1.0, "kinds": {}, "declared_kinds": {}}
    int8 = {"mean_confidence": 0.9, "ece_less_chance": 0.01, **scores["int8"]}
    metrics["scores"] = {split: {**one, "best_temperature": 1.0} for split, one in metrics["scores"].items()}
    metrics |= {"sets": {"sample": {**scores, "int8": int8}}, "label_passes": agreement({0: "a"}, {0: "a"}).as_dict()}
    card = model_card(metrics, metrics["labels"])
    assert "labelled in two passes, which give 100.0% of its 1 tweets the same label (Cohen's kappa 1.000)" in card
