"""`agree`: compare the labels of a data set with those of a second pass of labelling."""

from pathlib import Path
from typing import Any

from training.data.second_pass import read_second_pass
from training.output.errors import TrainingError
from training.score.agreement import Agreement, agreement
from tweets.datasets import DatasetError, dataset_name, read_rows


def agree(dataset: str, split: str, second: Path) -> dict[str, Any]:
    """Print how far both passes agree and the rows in which they differ; return the JSON line.

    `second` is a file of labels by row number (training.data.second_pass). Raises TrainingError if the data set or the
    file cannot be used, or if a row of the file is not in the data set.
    """
    found = agreement_with(dataset, split, second)
    name = f"{dataset_name(dataset)}-{split}"
    print(_as_text(found, name))
    return {"dataset": dataset, "split": split, "second": str(second), **found.as_dict()}


def agreement_with(dataset: str, split: str, second: Path) -> Agreement:
    """Return the agreement of a data set's labels with those in a file of a second pass. Raises like `agree`."""
    try:
        first = {row.number: row.label for row in read_rows(dataset, split) if row.label is not None}
    except DatasetError as error:
        raise TrainingError(str(error)) from error
    labels = read_second_pass(second)
    unknown = sorted(labels.keys() - first.keys())
    if unknown:
        raise TrainingError(f"{second}: data set {dataset!r} has no labelled row {unknown[0]}; give its second pass")
    try:
        return agreement(first, labels)
    except ValueError as error:
        raise TrainingError(f"{second}: {error}") from error


def _as_text(found: Agreement, name: str) -> str:
    lines = [
        f"{name}: both passes give {found.share:.1%} of {found.rows:,} rows the same label; Cohen's kappa "
        f"{found.kappa:.3f}"
    ]
    lines += [f"{name}-{one.number}  first {one.first}, second {one.second}" for one in found.disagreements]
    return "\n".join(lines)
