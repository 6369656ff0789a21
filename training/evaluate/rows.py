"""Read the rows that `evaluate` scores: of a data set, or of one data set in a file that maps labels."""

from collections.abc import Sequence
from dataclasses import replace

from training.data.chosen_dataset import chosen_dataset
from training.data.evaluation_rows import EvaluationRows, read_evaluation_rows, read_mapped_evaluation_rows
from training.data.shift import shifted_texts
from training.data.splits import Split
from training.evaluate.subject import Subject


def rows_of(subject: Subject, labels: Sequence[str]) -> EvaluationRows:
    """Return the rows to score, with their own texts; `labels` are those of the model.

    Raises TrainingError if the data set or the file cannot be used, or if no row has a label of the model.
    """
    if subject.data is None:
        return read_evaluation_rows(subject.dataset, subject.split, labels, limit=subject.limit)
    spec = chosen_dataset(subject.data, subject.dataset, root=subject.data_root, labels=labels)
    return read_mapped_evaluation_rows(spec, subject.split, same_names=subject.same_names, limit=subject.limit)


def shifted_rows(rows: EvaluationRows) -> EvaluationRows:
    """Return the rows with texts that resemble raw tweets (training.data.shift)."""
    return EvaluationRows(_shifted(rows.labelled), _shifted(rows.neutral))


def source_of(subject: Subject, labels: Sequence[str]) -> str:
    """Return the path or the id of the hub of the subject's data set."""
    if subject.data is None:
        return subject.dataset
    return chosen_dataset(subject.data, subject.dataset, root=subject.data_root, labels=labels).source


def _shifted(split: Split) -> Split:
    return replace(split, texts=tuple(shifted_texts(split.texts)))
