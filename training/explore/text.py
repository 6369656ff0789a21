"""The report of `explore` as a table for a terminal."""

from collections.abc import Iterator
from typing import Any

from tweets.datasets import dataset_name

#: Typical words that are printed for each class: a line of a terminal. report.json has more.
_SHOWN_WORDS = 6


def as_text(report: dict[str, Any]) -> str:
    """Return the splits side by side, then the texts that splits share, then the typical words of each class."""
    splits = report["splits"]
    columns = [list(_column(facts)) for facts in splits.values()]
    names = [dataset_name(report["dataset"]), *(name for name, _ in columns[0])]
    cells = [list(splits), *([value for _, value in row] for row in zip(*columns, strict=True))]
    width = max(map(len, names))
    lines = [name.ljust(width) + "".join(map(_right, row)) for name, row in zip(names, cells, strict=True)]
    return "\n".join([*lines, *_mapping(report), *_shared(report), *_words(report)])


def _mapping(report: dict[str, Any]) -> Iterator[str]:
    for split, counts in report.get("mapping", {}).items():
        one = f"{counts['one_label']:,} of {counts['rows']:,} rows have one label"
        others = f"{counts['several_labels']:,} several labels, {counts['no_label']:,} none"
        yield f"{split}, after the mapping: {one}, {others}"


def _right(cell: str) -> str:
    return cell.rjust(18)


def _column(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "rows", f"{facts['rows']:,}"
    for label, counted in facts["classes"].items():
        yield f"  {label}", _rows(counted)
    ratio = facts["imbalance_ratio"]
    yield "largest / smallest class", "–" if ratio is None else f"{ratio:.1f}"
    for unit in ("tokens", "words"):
        yield f"{unit}: mean / median", f"{facts[unit]['mean']:.1f} / {facts[unit]['median']:.0f}"
        yield f"{unit}: p95 / longest", f"{facts[unit]['p95']:.0f} / {facts[unit]['max']}"
    yield "longer than the model's limit", _rows(facts["over_max_tokens"])
    for kind, counted in facts["rows_with"].items():
        yield f"with {kind}", _rows(counted)
    yield "rows that repeat a text", f"{facts['repeated_rows']:,}"
    yield "texts with several labels", f"{facts['contradicting_texts']:,}"


def _rows(counted: dict[str, float]) -> str:
    return f"{counted['rows']:,} ({counted['share']:.1%})"


def _shared(report: dict[str, Any]) -> Iterator[str]:
    for pair in report["shared"]:
        what = f"in {' and '.join(pair['splits'])}: {pair['texts']:,} texts"
        yield f"{what}, {pair['with_another_label']:,} of them with another label"


def _words(report: dict[str, Any]) -> Iterator[str]:
    for label, words in report["telling_words"].items():
        shown = ", ".join(entry["word"] for entry in words[:_SHOWN_WORDS])
        yield f"typical of {label}: {shown or 'no word'}"
