"""The results of `evaluate`: the JSON line, report.json, the pictures and the printed report."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.data.evaluation_rows import EvaluationRows
from training.evaluate.pictures import draw_comparison, draw_confusion, draw_reliability
from training.evaluate.subject import Subject
from training.evaluate.text import described
from training.output.json_file import write_json
from training.output.provenance import provenance
from training.output.report_folder import REPORT_FILE
from training.score.evaluation import Evaluation
from training.score.hard_rows import hardest, most_confidently_wrong
from training.score.intervals import COVERAGE, SEED
from training.score.paired import Paired
from training.score.text_kinds import accuracy_by_kind, kinds_of

CONFUSION, RELIABILITY, COMPARISON = "confusion.png", "reliability.png", "comparison.png"
_LISTED_ROWS: Final = 20
"""Rows in each list of report.json: as many as a person reads one by one."""


@dataclass(frozen=True, slots=True)
class Report:
    """`summary` is the JSON line, `text` the printed report."""

    summary: dict[str, Any]
    text: str


def report(
    subject: Subject,
    rows: EvaluationRows,
    evaluation: Evaluation,
    comparison: Paired | None,
    *,
    output: Path,
    folder: Path,
) -> Report:
    """Write report and pictures into `folder`, later `output`; return the JSON line and the printed report."""
    labelled = rows.labelled
    ids = [f"{subject.name}-{number}" for number in labelled.numbers]
    wrong = most_confidently_wrong(evaluation, ids, count=_LISTED_ROWS)
    pictures = _draw(subject, evaluation, comparison, folder)
    named = {"dataset": subject.dataset, "split": subject.split, "engine": subject.engine, "shifted": subject.shifted}
    mapped = {} if subject.data is None else {"data": str(subject.data), "same_names": subject.same_names}
    against = {} if comparison is None else {"against": comparison.summary()}
    where = {"output": str(output), "pictures": pictures}
    summary = {**evaluation.summary(), **named, **mapped, **against, **where}
    details = {
        **summary,
        **({} if comparison is None else {"against": comparison.details()}),
        **evaluation.details(),
        "hardest": [row.as_dict() for row in hardest(evaluation, ids, count=_LISTED_ROWS)],
        "most_confidently_wrong": [row.as_dict() for row in wrong],
        "bootstrap": {"resamples": len(evaluation.samples.accuracy), "seed": SEED, "coverage": COVERAGE},
        "kinds": accuracy_by_kind(map(kinds_of, labelled.texts), evaluation.outcomes.right),
        "arguments": subject.as_dict(),
        "data": {"rows": len(rows.both), "sha256": rows.both.sha256()},
        **provenance(),
    }
    write_json(folder / REPORT_FILE, details)
    texts = labelled.texts if sys.stdout.isatty() else None  # the licence of a data set may forbid copies in files
    return Report(
        summary, described(f"{subject.described}, {subject.engine}", evaluation, comparison, wrong, texts=texts)
    )


def _draw(subject: Subject, evaluation: Evaluation, comparison: Paired | None, output: Path) -> list[str]:
    """Draw the pictures and return their file names."""
    draw_confusion(evaluation, output / CONFUSION, rows=subject.described)
    draw_reliability(evaluation, output / RELIABILITY, rows=subject.described)
    if comparison is None:
        return [CONFUSION, RELIABILITY]
    draw_comparison(evaluation, comparison, output / COMPARISON, rows=subject.described)
    return [CONFUSION, RELIABILITY, COMPARISON]
