"""`evaluate`: score a model folder on a labelled split with the classifier that the worker runs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.data.evaluation_rows import EvaluationRows
from training.data.leaks import warn_of_leaks
from training.data.splits import TRAIN, has_other_split, read_texts
from training.evaluate.report import Report, report
from training.evaluate.rows import rows_of, shifted_rows, source_of
from training.evaluate.subject import Subject
from training.evaluate.threshold import suggested_by
from training.output.errors import TrainingError
from training.output.report_folder import prepare_report_folder, writing_report
from training.score.evaluation import Evaluation, NeutralRows, evaluation_of
from training.score.paired import paired
from training.score.scores import Probabilities
from training.score.served import Served, served
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
    threshold = _threshold(model, subject)
    rows = rows_of(subject, model.labels)
    prepare_report_folder(output)
    _warn_of_training_rows(subject, rows, model.labels)
    if subject.shifted:
        rows = shifted_rows(rows)
    evaluation = _evaluation(model, rows, subject, threshold=threshold, resamples=resamples)
    comparison = None
    if other is not None:
        given = _served(other, rows.labelled.texts, subject)
        given = replace(given, scores=_reordered(given.scores, other.labels, model.labels))
        comparison = paired(evaluation, evaluation_of(other, given, rows.labelled.targets, resamples=resamples))
    with writing_report(output) as written:
        return report(subject, rows, evaluation, comparison, output=output, folder=written)


def _threshold(model: ModelFolder, subject: Subject) -> float | None:
    if subject.neutral_threshold is None:
        return suggested_by(model.path) if model.neutral else None
    if model.neutral is None:
        raise TrainingError(f"--neutral-threshold: {model.path} has no neutral output; leave the option out")
    return subject.neutral_threshold


def _evaluation(
    model: ModelFolder, rows: EvaluationRows, subject: Subject, *, threshold: float | None, resamples: int
) -> Evaluation:
    given = _served(model, rows.labelled.texts, subject)
    scored = model.neutral is not None and len(rows.neutral) > 0
    of_neutral = _served(model, rows.neutral.texts, subject).neutral if scored else None
    neutral = NeutralRows(len(rows.neutral), of_neutral, threshold)
    return evaluation_of(model, given, rows.labelled.targets, resamples=resamples, neutral=neutral)


def _served(model: ModelFolder, texts: Sequence[str], subject: Subject) -> Served:
    return served(model.path, texts, engine=subject.engine, title=subject.split)


def _with_same_labels(other: ModelFolder, model: ModelFolder) -> ModelFolder:
    if set(other.labels) != set(model.labels):
        raise TrainingError(
            f"--against {other.path} has the labels {', '.join(other.labels)}, but {model.path} has "
            f"{', '.join(model.labels)}; only models with the same labels can be compared"
        )
    return other


def _warn_of_training_rows(subject: Subject, rows: EvaluationRows, labels: Sequence[str]) -> None:
    """Print how many rows are in the data set's training split too, if the data set has a training split."""
    source = source_of(subject, labels)
    if subject.split != TRAIN and has_other_split(source, TRAIN):
        warn_of_leaks(read_texts(source, TRAIN, labels), rows.both, where=TRAIN)


def _reordered(probabilities: Probabilities, given: Sequence[str], wanted: Sequence[str]) -> Probabilities:
    """Return probabilities [rows, labels] with the columns `given` in the order `wanted`."""
    return probabilities[:, [given.index(label) for label in wanted]]
