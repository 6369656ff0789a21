"""`evaluate`: score a model folder on a labelled split with the classifier that the worker runs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.data.leaks import warn_of_leaks
from training.data.shift import shifted_texts
from training.data.splits import TRAIN, Split, has_other_split, read_split, read_texts
from training.evaluate.report import PICTURES, Report, report
from training.evaluate.subject import Subject
from training.output.errors import TrainingError
from training.output.report_folder import prepare_report_folder, writing_report
from training.score.evaluation import evaluation_of
from training.score.paired import paired
from training.score.scores import Probabilities
from training.score.served import served
from worker.inference.model_folder import ModelFolder, open_model_folder


def evaluate(
    folder: Path, subject: Subject, output: Path, *, against: Path | None = None, resamples: int = 2000
) -> Report:
    """Score the model in `folder`, write report and pictures into `output`, and return the report.

    `against` is another model folder that is scored on the same rows. `resamples` is the number of bootstrap samples
    behind each interval. Raises TrainingError for rows that cannot be scored, FatalError for a model folder that the
    worker would refuse.
    """
    model = open_model_folder(folder)
    other = None if against is None else _with_same_labels(open_model_folder(against), model)
    rows = read_split(subject.dataset, subject.split, model.labels, limit=subject.limit)
    prepare_report_folder(output)
    _warn_of_training_rows(subject, rows, model.labels)
    if subject.shifted:
        rows = replace(rows, texts=tuple(shifted_texts(rows.texts)))
    evaluation = evaluation_of(model, _served(model, rows, subject), rows.targets, resamples=resamples)
    comparison = None
    if other is not None:
        given = _reordered(_served(other, rows, subject), other.labels, model.labels)
        comparison = paired(evaluation, evaluation_of(other, given, rows.targets, resamples=resamples))
    with writing_report(output, pictures=PICTURES):
        return report(subject, rows, evaluation, comparison, output)


def _served(model: ModelFolder, rows: Split, subject: Subject) -> Probabilities:
    return served(model.path, rows.texts, engine=subject.engine, title=rows.name)


def _with_same_labels(other: ModelFolder, model: ModelFolder) -> ModelFolder:
    if set(other.labels) != set(model.labels):
        raise TrainingError(
            f"--against {other.path} has the labels {', '.join(other.labels)}, but {model.path} has "
            f"{', '.join(model.labels)}; only models with the same labels can be compared"
        )
    return other


def _warn_of_training_rows(subject: Subject, rows: Split, labels: Sequence[str]) -> None:
    """Print how many rows are in the data set's training split too, if the data set has a training split."""
    if subject.split != TRAIN and has_other_split(subject.dataset, TRAIN):
        warn_of_leaks(read_texts(subject.dataset, TRAIN, labels), rows, where=TRAIN)


def _reordered(probabilities: Probabilities, given: Sequence[str], wanted: Sequence[str]) -> Probabilities:
    """Return probabilities [rows, labels] with the columns `given` in the order `wanted`."""
    return probabilities[:, [given.index(label) for label in wanted]]
