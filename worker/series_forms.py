"""Emotion over time for a shell: a table for people, CSV and JSON for programs."""

import csv
import json
from collections.abc import Mapping
from typing import Final, Literal, TextIO

from rich.console import Console
from rich.table import Table

from tweets.emotions import EMOTIONS, NEUTRAL
from worker.series import Series

Form = Literal["table", "csv", "json"]

_USUAL: Final = (*EMOTIONS, NEUTRAL)

_SAME_WIDTH: Final = 200
"""Columns of a table that is not printed on a terminal."""


def write(series: Series, form: Form, to: TextIO) -> None:
    """Write the series in this form. A period without a tweet has zeros; JSON is the answer of `GET /series`."""
    match form:
        case "json":
            to.write(json.dumps(series.as_json()) + "\n")
        case "csv":
            _write_csv(series, to)
        case _:
            _write_table(series, to)


def labels_of(series: Series) -> list[str]:
    """Return the usual labels in their order, and then those of other models by name."""
    found = {label for counts in series.counts.values() for label in counts}
    return [*_USUAL, *sorted(found.difference(_USUAL))]


def _write_csv(series: Series, to: TextIO) -> None:
    labels = labels_of(series)
    rows = csv.writer(to, lineterminator="\n")
    rows.writerow(["start", *labels])
    for number, start in series.span.starts():
        counts = series.counts.get(number, {})
        rows.writerow([start, *(counts.get(label, 0) for label in labels)])


def _write_table(series: Series, to: TextIO) -> None:
    labels = labels_of(series)
    about = f"tweet topic {series.subject}" if series.subject else "all tweets"
    table = Table(title=f"Labelled tweets by {series.span.unit}, {about}", title_justify="left", box=None)
    table.add_column(f"{series.span.unit} (UTC)", no_wrap=True)
    for label in (*labels, "all"):
        table.add_column(label, justify="right", no_wrap=True)
    for number, start in series.span.starts():
        table.add_row(start, *_cells(series.counts.get(number, {}), labels))
    sums = {label: sum(counts.get(label, 0) for counts in series.counts.values()) for label in labels}
    table.add_section()
    table.add_row("all", *_cells(sums, labels), style="bold")
    console = Console(file=to, width=None if to.isatty() else _SAME_WIDTH, highlight=False, markup=False, emoji=False)
    console.print(table)


def _cells(counts: Mapping[str, int], labels: list[str]) -> list[str]:
    each = [counts.get(label, 0) for label in labels]
    return [f"{count:,}" if count else "·" for count in (*each, sum(each))]
