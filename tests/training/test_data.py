"""Splits are read, or refused with a one-line error."""

from pathlib import Path

import pytest

from tests.training.moods import MakeDataset, Row, rows_of
from training.data.learning_data import read_learning_data, require_every_class
from training.data.raw_tweets import RAW_TWEETS
from training.data.splits import find_labels, read_split
from training.output.errors import TrainingError
from tweets.datasets import SAMPLE, SAMPLE_DEV
from tweets.emotions import EMOTIONS


def test_labels_are_the_training_splits_names_in_order_of_appearance(moods: str) -> None:
    assert find_labels(moods) == ("glad", "low", "cross")


def test_numbers_without_names_are_the_six_emotions(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(train=[{"text": "a", "label": 5}, {"text": "b", "label": 0}])
    assert find_labels(dataset) == EMOTIONS
    assert read_split(dataset, "train", EMOTIONS).targets == (5, 0)


def test_label_names_that_are_emotions_are_in_the_order_of_the_emotions(make_dataset: MakeDataset) -> None:
    rows = [{"text": "a", "label": "anger"}, {"text": "b", "label": "joy"}]
    dataset = make_dataset(train=rows, validation=rows)
    assert find_labels(dataset) == ("joy", "anger")
    data = read_learning_data(dataset, None, add=RAW_TWEETS)
    assert (data.labels, data.targets, data.added) == (("joy", "anger"), (1, 0), None)


def test_the_shipped_tweets_are_added_to_the_six_emotions_in_any_order(make_dataset: MakeDataset) -> None:
    rows = rows_of_each(EMOTIONS)
    labels = tuple(reversed(EMOTIONS))
    data = read_learning_data(make_dataset(train=rows, validation=rows), labels, add=RAW_TWEETS)
    assert data.added is not None
    usual = read_learning_data(make_dataset(train=rows, validation=rows), None, add=RAW_TWEETS)
    assert usual.added is not None
    named = [[one.labels[target] for target in one.added.targets] for one in (data, usual) if one.added]
    assert named[0] == named[1]


def rows_of_each(labels: tuple[str, ...]) -> list[Row]:
    return [{"text": f"text {number}", "label": label} for number, label in enumerate(labels)]


@pytest.mark.parametrize("sample", [SAMPLE, SAMPLE_DEV])
def test_the_shipped_samples_are_never_trained_on(sample: str, make_dataset: MakeDataset) -> None:
    with pytest.raises(TrainingError, match=f"data set '{sample}' is for evaluation only"):
        read_learning_data(sample, EMOTIONS, add=None)
    rows = rows_of_each(EMOTIONS)
    with pytest.raises(TrainingError, match=f"data set '{sample}' is for evaluation only"):
        read_learning_data(make_dataset(train=rows, validation=rows), None, add=sample)


def test_a_data_set_with_a_single_label_is_refused(make_dataset: MakeDataset) -> None:
    rows = rows_of_each(("joy",))
    with pytest.raises(TrainingError, match="its only label is 'joy'"):
        read_learning_data(make_dataset(train=rows, validation=rows), None, add=None)


def test_numbers_follow_the_label_set_that_is_given(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(train=[{"text": "a", "label": 1}, {"text": "b", "label": 0}])
    split = read_split(dataset, "train", ("bad", "good"))
    assert split.targets == (1, 0)
    assert split.numbers == (0, 1)


def test_a_limit_keeps_the_first_rows(moods: str) -> None:
    whole = read_split(moods, "train", find_labels(moods))
    assert read_split(moods, "train", find_labels(moods), limit=7).texts == whole.texts[:7]


def test_the_hash_covers_texts_and_classes_not_the_file(moods: str, make_dataset: MakeDataset) -> None:
    labels = find_labels(moods)
    before = read_split(moods, "test", labels).sha256()
    numbered = [{"text": row["text"], "label": labels.index(str(row["label"]))} for row in rows_of(labels, each=4)]
    assert read_split(make_dataset(test=numbered), "test", labels).sha256() == before
    assert read_split(make_dataset(test=numbered[::-1]), "test", labels).sha256() != before


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "split 'train' is empty"),
        ([{"text": "a", "label": "glad"}, {"text": "b", "label": None}], "row 1: no label"),
        ([{"text": "a", "label": "bored"}], "row 0: unknown label 'bored', known labels are glad, low"),
        ([{"tweet": "a", "label": "glad"}], "no column 'text'"),
        ([{"text": "a", "label": 2}], "label 2 is not allowed"),
    ],
)
def test_the_error_names_a_row_that_cannot_be_used(
    make_dataset: MakeDataset, rows: list[dict[str, str | int | None]], complaint: str
) -> None:
    with pytest.raises(TrainingError, match=complaint):
        read_split(make_dataset(train=rows), "train", ("glad", "low"))


def test_a_data_set_without_any_label_is_refused(make_dataset: MakeDataset) -> None:
    with pytest.raises(TrainingError, match="no row has a label"):
        find_labels(make_dataset(train=[{"text": "a"}]))


def test_the_error_names_a_class_without_training_rows_and_the_labels_that_have_rows(moods: str) -> None:
    split = read_split(moods, "train", ("glad", "low", "cross", "bored"))
    with pytest.raises(TrainingError, match=r"no row labelled bored;.*--labels glad,low,cross"):
        require_every_class(split, ("glad", "low", "cross", "bored"))


def test_the_error_names_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nowhere"):
        find_labels(str(tmp_path / "nowhere"))
