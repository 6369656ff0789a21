"""Data sets: the shipped samples, a folder, one file or a data set of the hub, read row by row.

This is the only data-set reader of the project. A row is a text and, where the label is known, the label's name.
Rows of one split are numbered from 0 in the order of the file; blank lines of a `.jsonl` or `.txt` file are
skipped without a number.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tweets.dataset_files import EXTRA_DATA, FORMATS, RowFields, first_line, read_fields
from tweets.dataset_files import DatasetError as DatasetError  # noqa: PLC0414 - users of this module catch it
from tweets.emotions import EMOTIONS
from tweets.label_values import label_name

SAMPLE, SAMPLE_DEV = "sample", "sample-dev"
"""The shipped samples of labelled tweets: `sample` for scores, `sample-dev` for choices during development."""
SAMPLE_FILES = {
    SAMPLE: Path(__file__).with_name("sample.jsonl"),
    SAMPLE_DEV: Path(__file__).with_name("sample_dev.jsonl"),
}

_VALIDATION = ("validation", "val", "valid", "dev")
"""Names of one split: a data set that lacks the first has one of the others."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class SplitMissingError(DatasetError):
    """The data set exists and has no split of this name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tweet of a data set; `number` counts from 0 within its split."""

    number: int
    text: str
    label: str | None
    labels: tuple[str, ...] = ()
    """The names of the column `labels`, for data sets in which a row may have several labels; empty without it."""
    kind: str | None = None
    """The kind of text, such as "sarcasm", from the optional column `kind`; None without it."""


def read_rows(dataset: str, split: str, *, labels: Sequence[str] = EMOTIONS) -> Iterator[Row]:
    """Return an iterator over the rows of one split, lazy where the format allows.

    Raises DatasetError for a missing data set or extra and SplitMissingError for a missing split, both at the call;
    the iterator raises DatasetError at a broken row. `labels` names integer labels by position, unless the data set
    contains the names of its label ids.
    """
    path = _local_path(dataset, split)
    if path is None:
        return _hub_rows(dataset, split, labels=labels)
    return _rows(read_fields(path, labels), where=str(path), labels=labels)


def dataset_name(dataset: str) -> str:
    """Return the short name of a folder, file or hub id; the ids of tweets begin with this name."""
    path = Path(dataset)
    if path.suffix in FORMATS and not path.is_dir():
        return path.stem
    return path.resolve().name or "root"


# From the name of a data set to a file.


def _local_path(dataset: str, split: str) -> Path | None:
    """Return the file that holds the split, or None for a data set of the hub."""
    if dataset in SAMPLE_FILES:
        return SAMPLE_FILES[dataset]
    path = Path(dataset).expanduser()
    if path.is_dir():
        return _file_of_split(path, split)
    if path.is_file():
        return _readable(path)
    if _HUB_ID.fullmatch(dataset) and path.suffix not in FORMATS:
        return None
    raise DatasetError(
        f"data set {dataset!r}: no such file or folder; give a path, a hub id such as dair-ai/emotion, "
        f"{SAMPLE!r} or {SAMPLE_DEV!r}"
    )


def _file_of_split(folder: Path, split: str) -> Path:
    for name in _names_of(split):
        for suffix in FORMATS:
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
    found = sorted({path.stem for path in folder.iterdir() if path.suffix in FORMATS and path.is_file()})
    raise SplitMissingError(f"data set {str(folder)!r} has no split {split!r}; {_choices(found)}")


def _names_of(split: str) -> Iterable[str]:
    """Return the names that the split may have, its own first."""
    return dict.fromkeys((split, *(_VALIDATION if split in _VALIDATION else ())))


def _choices(splits: Iterable[str]) -> str:
    names = ", ".join(splits)
    return f"choose one of: {names}" if names else f"expected a file <split>{'|'.join(FORMATS)} in the folder"


def _readable(path: Path) -> Path:
    if path.suffix not in FORMATS:
        raise DatasetError(f"data set {str(path)!r}: unknown format {path.suffix!r}; use {', '.join(FORMATS)}")
    return path


# From a data set of the hub to rows.


def _hub_rows(dataset: str, split: str, *, labels: Sequence[str]) -> Iterator[Row]:
    splits = _load_from_hub(dataset)
    name = next((name for name in _names_of(split) if name in splits), None)
    if name is None:
        raise SplitMissingError(f"data set {dataset!r} has no split {split!r}; {_choices(splits)}")
    rows = splits[name]
    return _rows(rows, where=f"{dataset}, split {split}", labels=_names_in(rows.features) or labels)


def _names_in(features: Mapping[str, Any]) -> Sequence[str] | None:
    """Return the names of the label ids, if the data set contains them: of its column `label`, else of `labels`."""
    several = features.get("labels")
    found = getattr(features.get("label"), "names", None) or getattr(getattr(several, "feature", None), "names", None)
    names: Sequence[str] | None = found
    return names


@lru_cache(
    maxsize=1
)  # each pass of `producer --loop` reads the data set again; the library would ask the hub each time
def _load_from_hub(dataset: str) -> Mapping[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise DatasetError(
            f"data set {dataset!r}: no such folder, and a hub id needs an extra; {EXTRA_DATA}"
        ) from error
    try:
        splits: Mapping[str, Any] = datasets.load_dataset(dataset)
    except Exception as error:  # the library passes on the errors of several HTTP clients and file systems
        raise DatasetError(
            f"data set {dataset!r}: no such folder, and loading from the hub failed ({first_line(error)}); "
            "check the name and the network, or give a folder that holds the data set"
        ) from error
    return splits


# From fields to rows.


def _rows(rows: Iterable[RowFields], *, where: str, labels: Sequence[str]) -> Iterator[Row]:
    for number, fields in enumerate(rows):
        coordinates = f"{where}, row {number}"
        several = _labels(fields.get("labels"), labels, coordinates)
        label = _label(fields.get("label"), labels, coordinates)
        yield Row(number, _text(fields, coordinates), label, several, _kind(fields.get("kind")))


def _text(fields: RowFields, coordinates: str) -> str:
    text = fields.get("text")
    if isinstance(text, str):
        return text
    if "text" in fields and text is None:
        raise DatasetError(f"{coordinates}: the text is missing; correct or delete the row")
    if "text" in fields:
        raise DatasetError(f"{coordinates}: text is {type(text).__name__}, not a string; correct or delete the row")
    columns = ", ".join(str(name) for name in fields) or "none"
    raise DatasetError(
        f"{coordinates}: no column 'text' (columns: {columns}); rename the column with the texts to text"
    )


def _labels(values: object, labels: Sequence[str], coordinates: str) -> tuple[str, ...]:
    """Return the names of a list of labels; a column `labels` that holds no lists is another column and is ignored."""
    if not isinstance(values, (list, tuple)):
        return ()
    names = (_label(value, labels, coordinates) for value in values)
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _label(value: object, labels: Sequence[str], coordinates: str) -> str | None:
    try:
        return label_name(value, labels)
    except ValueError:
        allowed = f"0 to {len(labels) - 1} ({', '.join(labels)}), a name, or an empty value"
        raise DatasetError(f"{coordinates}: label {value!r} is not allowed; use {allowed}") from None


def _kind(value: object) -> str | None:
    """Return the kind of text; a column `kind` that holds no texts is another column and is ignored."""
    return value if isinstance(value, str) and value else None
