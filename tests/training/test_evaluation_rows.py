"""The rows of an evaluation: neutral rows are apart from those with a label of the model."""

import pytest

from tests.training.moods import MakeDataset, Row
from training.data.evaluation_rows import read_evaluation_rows
from training.output.errors import TrainingError

LABELS = ("glad", "low")
ROWS: list[Row] = [
    {"text": "sun", "label": "glad"},
    {"text": "bus at ten", "label": "neutral"},
    {"text": "rain", "label": "low"},
    {"text": "room 3", "label": "neutral"},
]


def test_neutral_rows_are_apart_and_keep_their_numbers(make_dataset: MakeDataset) -> None:
    rows = read_evaluation_rows(make_dataset(test=ROWS), "test", LABELS)
    assert (rows.labelled.texts, rows.labelled.targets, rows.labelled.numbers) == (("sun", "rain"), (0, 1), (0, 2))
    assert (rows.neutral.texts, rows.neutral.numbers) == (("bus at ten", "room 3"), (1, 3))
    assert rows.both.texts == ("sun", "rain", "bus at ten", "room 3")


def test_rows_of_a_label_called_neutral_are_labelled_rows(make_dataset: MakeDataset) -> None:
    rows = read_evaluation_rows(make_dataset(test=ROWS), "test", (*LABELS, "neutral"))
    assert (rows.labelled.targets, len(rows.neutral)) == ((0, 2, 1, 2), 0)


def test_a_limit_counts_the_neutral_rows_too(make_dataset: MakeDataset) -> None:
    rows = read_evaluation_rows(make_dataset(test=ROWS), "test", LABELS, limit=2)
    assert (len(rows.labelled), len(rows.neutral)) == (1, 1)


def test_an_id_is_never_neutral(make_dataset: MakeDataset) -> None:
    with pytest.raises(TrainingError, match="label 2 is not allowed"):
        read_evaluation_rows(make_dataset(test=[{"text": "a", "label": 2}]), "test", LABELS)


def test_rows_without_a_label_of_the_model_are_refused(make_dataset: MakeDataset) -> None:
    with pytest.raises(TrainingError, match="no row has a label of the model, which are glad, low"):
        read_evaluation_rows(make_dataset(test=ROWS[1:2]), "test", LABELS)
    with pytest.raises(TrainingError, match="unknown label 'bored'"):
        read_evaluation_rows(make_dataset(test=[{"text": "a", "label": "bored"}]), "test", LABELS)
