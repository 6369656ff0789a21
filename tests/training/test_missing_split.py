"""In every command a missing split is not an error, and a broken split is an error."""

from pathlib import Path

import pytest

from tests.training.explained import MakeModel
from tests.training.moods import MakeDataset, rows_of
from tests.training.test_commands import train
from training.__main__ import main
from training.compare.contest import open_contest
from training.data.splits import has_other_split, read_other_split, read_texts
from training.output.errors import TrainingError
from tweets.datasets import DatasetError, SplitMissingError, read_rows

LABELS = ("glad", "low", "cross")
BROKEN = "this is no JSON"


@pytest.fixture
def without_test(make_dataset: MakeDataset) -> str:
    return make_dataset(train=rows_of(LABELS, each=40), validation=rows_of(LABELS, each=5))


def break_split(dataset: str, split: str) -> None:
    """Add a line that is no JSON after rows that can be read."""
    rows = Path(dataset, "validation.jsonl").read_text(encoding="utf-8")
    Path(dataset, f"{split}.jsonl").write_text(f"{rows}{BROKEN}\n", encoding="utf-8")


def test_a_missing_split_and_a_missing_data_set_raise_different_errors(moods: str) -> None:
    with pytest.raises(SplitMissingError):
        read_rows(moods, "holdout")
    with pytest.raises(DatasetError) as missing:
        read_rows(f"{moods}/nowhere", "test")
    assert not isinstance(missing.value, SplitMissingError)


def test_a_missing_split_is_none(without_test: str) -> None:
    assert not has_other_split(without_test, "test")
    assert read_other_split(without_test, "test", LABELS) is None


def test_an_existing_split_is_read(moods: str) -> None:
    found = read_other_split(moods, "test", LABELS, limit=5)
    assert found is not None
    assert len(found) == 5


def test_a_single_file_has_no_other_split(moods: str) -> None:
    assert read_other_split(f"{moods}/train.jsonl", "test", LABELS) is None
    assert read_other_split("sample", "test", LABELS) is None
    assert read_other_split("sample-dev", "test", LABELS) is None


def test_a_broken_split_is_an_error(without_test: str) -> None:
    break_split(without_test, "test")
    with pytest.raises(TrainingError, match=r"test\.jsonl, line 16: not JSON"):
        read_other_split(without_test, "test", LABELS)


def test_a_missing_data_set_is_an_error(moods: str) -> None:
    with pytest.raises(TrainingError, match="no such file or folder"):
        read_other_split(f"{moods}/nowhere", "test", LABELS)


def refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(command) == 2
    captured = capsys.readouterr()
    assert "not JSON" in captured.err.splitlines()[-1]
    assert captured.out == ""


def test_export_omits_test_scores_only_if_there_is_no_test_split(
    tmp_path: Path, without_test: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, without_test, tiny_base) == 0
    captured = capsys.readouterr()
    assert "no scores on 'test'" in captured.err
    assert "test_accuracy" not in captured.out
    break_split(without_test, "test")
    refused(["export", "--run", str(tmp_path / "run"), "--model", str(tmp_path / "other")], capsys)
    assert not (tmp_path / "other").exists()


def test_compare_refuses_a_broken_test_split(
    tmp_path: Path, without_test: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert open_contest(without_test, epochs=1, seed=3, limit=None).test is None
    break_split(without_test, "test")
    refused(["compare", "--dataset", without_test, "--bases", "tfidf", "--output", str(tmp_path / "out")], capsys)


def test_explore_refuses_a_broken_test_split(
    tmp_path: Path, make_model: MakeModel, without_test: str, capsys: pytest.CaptureFixture[str]
) -> None:
    break_split(without_test, "test")
    where = ["--model", str(make_model()), "--output", str(tmp_path / "out")]
    refused(["explore", "--dataset", without_test, *where], capsys)
    assert not (tmp_path / "out").exists()


def test_texts_of_rows_with_label_numbers_are_read_with_the_labels_of_the_model(make_dataset: MakeDataset) -> None:
    labels = tuple("abcdefghi")
    dataset = make_dataset(train=[{"text": "so glad", "label": 8}, {"text": "so low"}])
    assert read_texts(dataset, "train", labels) == ["so glad", "so low"]


def test_evaluate_refuses_a_broken_training_split(
    tmp_path: Path, make_model: MakeModel, make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset(validation=rows_of(LABELS, each=5), test=rows_of(LABELS, each=2))
    break_split(dataset, "train")
    where = ["--model", str(make_model()), "--output", str(tmp_path / "out")]
    refused(["evaluate", "--dataset", dataset, *where], capsys)
