"""`evaluate`: a model folder against a labelled split, through the same classifier that the worker runs."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

import numpy as np

from training.data import TRAIN, Split, read_split, warn_of_leaks
from training.errors import TrainingError
from training.evaluate_pictures import draw_comparison, draw_confusion, draw_reliability
from training.evaluate_text import described
from training.folders import write_json
from training.hard_rows import hardest, most_confidently_wrong
from training.intervals import COVERAGE, SEED
from training.paired import Paired, paired
from training.progress import progress
from training.provenance import provenance
from training.scores import Probabilities, Scores, score
from training.shift import shifted_texts
from training.verdict import Verdict, judge
from tweets.datasets import SAMPLE, dataset_name
from worker.inference.classifier import Classifier, load_classifier
from worker.inference.model_folder import ModelFolder, open_model_folder

BATCH_TWEETS = 512
"""The worker's default batch: texts are cut in input order, so that scores are the ones that it would publish."""

REPORT_FILE: Final = "report.json"
CONFUSION, RELIABILITY, COMPARISON = "confusion.png", "reliability.png", "comparison.png"
_LISTED_ROWS = 20


@dataclass(frozen=True, slots=True)
class Subject:
    """Which rows are scored, and on which engine."""

    dataset: str
    split: str
    shifted: bool
    """As they might have been tweeted."""
    engine: str
    limit: int | None
    """The first rows only; None: all."""

    @property
    def name(self) -> str:
        """What the rows' ids begin with."""
        return f"{dataset_name(self.dataset)}-{self.split}"

    @property
    def described(self) -> str:
        """What is scored, for people."""
        return f"{self.name}, shifted" if self.shifted else self.name


@dataclass(frozen=True, slots=True)
class Report:
    """`summary` for programs, `text` for people."""

    summary: dict[str, Any]
    text: str


def evaluate(
    folder: Path, subject: Subject, output: Path, *, against: Path | None = None, resamples: int = 2000
) -> Report:
    """Score a model folder, perhaps against another one on the same rows; write report and pictures into `output`.

    Raises TrainingError for rows that cannot be scored, worker.errors.FatalError where the worker would refuse a folder.
    """
    model = open_model_folder(folder)
    other = None if against is None else _with_same_labels(open_model_folder(against), model)
    rows = read_split(subject.dataset, subject.split, model.labels, limit=subject.limit)
    _make_folder(output)
    _warn_of_learnt_rows(subject, rows, model.labels)
    if subject.shifted:
        rows = replace(rows, texts=tuple(shifted_texts(rows.texts)))
    verdict = judge(model, _served(folder, rows, engine=subject.engine), rows.targets, resamples=resamples)
    comparison = None
    if other is not None:
        given = _reordered(_served(other.path, rows, engine=subject.engine), other.labels, model.labels)
        comparison = paired(verdict, judge(other, given, rows.targets, resamples=resamples))
    with _writing(output):
        return _reported(subject, rows, verdict, comparison, output)


def measure(folder: Path, split: Split, labels: Sequence[str], *, engine: str) -> tuple[Probabilities, Scores]:
    """Return the served probabilities [rows, labels] of a split, and what they are worth.

    Raises worker.errors.FatalError where the worker itself would refuse the folder.
    """
    probabilities = _served(folder, split, engine=engine)
    return probabilities, score(probabilities, split.targets, labels)


def _served(folder: Path, split: Split, *, engine: str) -> Probabilities:
    classifier = load_classifier(folder, device="cpu", engine=engine)
    try:
        return in_batches(classifier, split, title=f"{split.name}, {engine}")
    except FloatingPointError as error:
        raise TrainingError(f"{folder}: {error} for some rows of {split.name!r}; train the model anew") from error


def in_batches(classifier: Classifier, split: Split, *, title: str) -> Probabilities:
    """Return the probabilities [rows, labels] of a split, cut into the worker's batches."""
    starts = range(0, len(split), BATCH_TWEETS)
    parts: list[Probabilities] = []
    with progress(title, len(starts)) as advance:
        for start in starts:
            parts.append(classifier.scores(split.texts[start : start + BATCH_TWEETS]))
            advance("")
    return np.concatenate(parts)


# What is found out before any work.


def _make_folder(output: Path) -> None:
    with _writing(output):
        output.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=output).close()
        (output / COMPARISON).unlink(missing_ok=True)  # an earlier report's would seem to be this one's


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{output}: cannot be written ({error.strerror}); make room or choose another --output"
        ) from error


def _with_same_labels(other: ModelFolder, model: ModelFolder) -> ModelFolder:
    if set(other.labels) != set(model.labels):
        raise TrainingError(
            f"--against {other.path}: its labels are {', '.join(other.labels)}, those of {model.path} "
            f"{', '.join(model.labels)}; only models with the same labels can be compared"
        )
    return other


def _warn_of_learnt_rows(subject: Subject, rows: Split, labels: Sequence[str]) -> None:
    """Say which rows stand in the data set's training split too, where there is one that can be read."""
    is_one_file = subject.dataset == SAMPLE or Path(subject.dataset).expanduser().is_file()
    if is_one_file or subject.split == TRAIN:
        return
    try:
        train = read_split(subject.dataset, TRAIN, labels)
    except TrainingError:
        return
    warn_of_leaks(train, rows)


def _reordered(probabilities: Probabilities, given: Sequence[str], wanted: Sequence[str]) -> Probabilities:
    """Return the columns in the order of other labels."""
    return probabilities[:, [given.index(label) for label in wanted]]


# What is reported.


def _reported(subject: Subject, rows: Split, verdict: Verdict, comparison: Paired | None, output: Path) -> Report:
    ids = [f"{subject.name}-{number}" for number in rows.numbers]
    wrong = most_confidently_wrong(verdict, ids, count=_LISTED_ROWS)
    pictures = _draw(subject, verdict, comparison, output)
    named = {"dataset": subject.dataset, "split": subject.split, "engine": subject.engine, "shifted": subject.shifted}
    against = {} if comparison is None else {"against": comparison.summary()}
    where = {"output": str(output), "pictures": pictures}
    summary = {**verdict.summary(), **named, **against, **where}
    details = {
        **summary,
        **({} if comparison is None else {"against": comparison.details()}),
        **verdict.details(),
        "hardest": [row.as_dict() for row in hardest(verdict, ids, count=_LISTED_ROWS)],
        "most_confidently_wrong": [row.as_dict() for row in wrong],
        "bootstrap": {"resamples": len(verdict.samples.accuracy), "seed": SEED, "coverage": COVERAGE},
        "arguments": asdict(subject),
        "data": {"rows": len(rows), "sha256": rows.sha256()},
        **provenance(),
    }
    write_json(output / REPORT_FILE, details)
    texts = rows.texts if sys.stdout.isatty() else None  # a data set must not be quoted in files
    return Report(summary, described(f"{subject.described}, {subject.engine}", verdict, comparison, wrong, texts=texts))


def _draw(subject: Subject, verdict: Verdict, comparison: Paired | None, output: Path) -> list[str]:
    """Draw the pictures and return their names."""
    draw_confusion(verdict, output / CONFUSION, rows=subject.described)
    draw_reliability(verdict, output / RELIABILITY, rows=subject.described)
    if comparison is None:
        return [CONFUSION, RELIABILITY]
    draw_comparison(verdict, comparison, output / COMPARISON, rows=subject.described)
    return [CONFUSION, RELIABILITY, COMPARISON]
