"""Data sets: the shipped samples, a folder, one file or a data set of the hub, read row by row.

This is the only data-set reader of the project. A row is a text and, where the label is known, the label's name.
Rows of one split are numbered from 0 in the order of the file; blank lines of a `.jsonl` or `.txt` file are
skipped without a number.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tweets.emotions import EMOTIONS

SAMPLE, SAMPLE_DEV = "sample", "sample-dev"
"""The shipped samples of labelled tweets: `sample` for scores, `sample-dev` for choices during development."""
SAMPLE_FILES = {
    SAMPLE: Path(__file__).with_name("sample.jsonl"),
    SAMPLE_DEV: Path(__file__).with_name("sample_dev.jsonl"),
}

RowFields = Mapping[str, Any]
"""The fields of one row before any check: `text`, in many data sets `label`, and others that are ignored."""

_COLUMNS = ("text", "label", "labels", "kind")
"""The columns that are read from a Parquet file; the others would take memory."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_EXTRA_DATA = "install the extra: pip install '.[data]' in the project's folder"


class DatasetError(Exception):
    """A data set cannot be read; the text is one line that names the problem, the place and what to do."""


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
    return _rows(_fields_in(path), where=str(path), labels=labels)


def dataset_name(dataset: str) -> str:
    """Return the short name of a folder, file or hub id; the ids of tweets begin with this name."""
    path = Path(dataset)
    if path.suffix in _READERS and not path.is_dir():
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
    if _HUB_ID.fullmatch(dataset) and path.suffix not in _READERS:
        return None
    raise DatasetError(
        f"data set {dataset!r}: no such file or folder; give a path, a hub id such as dair-ai/emotion, "
        f"{SAMPLE!r} or {SAMPLE_DEV!r}"
    )


def _file_of_split(folder: Path, split: str) -> Path:
    for suffix in _READERS:
        path = folder / f"{split}{suffix}"
        if path.is_file():
            return path
    found = sorted({path.stem for path in folder.iterdir() if path.suffix in _READERS and path.is_file()})
    raise SplitMissingError(f"data set {str(folder)!r} has no split {split!r}; {_choices(found)}")


def _choices(splits: Iterable[str]) -> str:
    names = ", ".join(splits)
    return f"choose one of: {names}" if names else f"expected a file <split>{'|'.join(_READERS)} in the folder"


def _readable(path: Path) -> Path:
    if path.suffix not in _READERS:
        raise DatasetError(f"data set {str(path)!r}: unknown format {path.suffix!r}; use {', '.join(_READERS)}")
    return path


# From a file to the fields of rows.


def _fields_in(path: Path) -> Iterator[RowFields]:
    try:
        yield from _READERS[path.suffix](path)
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check the file's permissions") from error


def _read_jsonl(path: Path) -> Iterator[RowFields]:
    for number, line in _lines(path):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{path}, line {number}: not JSON ({error}); correct or delete the line") from error
        if not isinstance(fields, dict):
            raise DatasetError(f'{path}, line {number}: not a JSON object; each line must be like {{"text": "…"}}')
        yield fields


def _read_txt(path: Path) -> Iterator[RowFields]:
    for _, line in _lines(path):
        yield {"text": line}


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers as an editor shows them."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line.rstrip("\n")


def _read_csv(path: Path) -> Iterator[RowFields]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            yield from reader
        except csv.Error as error:
            raise DatasetError(f"{path}, line {reader.reader.line_num}: not CSV ({error}); correct the line") from error


def _read_parquet(path: Path) -> Iterator[RowFields]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DatasetError(f"data set {str(path)!r}: parquet needs pyarrow; {_EXTRA_DATA}") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            wanted = [name for name in file.schema_arrow.names if name in _COLUMNS]
            for batch in file.iter_batches(columns=wanted if "text" in wanted else None):
                yield from batch.to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise DatasetError(f"{path}: not a parquet file ({_first_line(error)}); write the file again") from error


_READERS: dict[str, Callable[[Path], Iterator[RowFields]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".txt": _read_txt,
}


# From a data set of the hub to rows.


def _hub_rows(dataset: str, split: str, *, labels: Sequence[str]) -> Iterator[Row]:
    splits = _load_from_hub(dataset)
    if split not in splits:
        raise SplitMissingError(f"data set {dataset!r} has no split {split!r}; {_choices(splits)}")
    rows = splits[split]
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
            f"data set {dataset!r}: no such folder, and a hub id needs an extra; {_EXTRA_DATA}"
        ) from error
    try:
        splits: Mapping[str, Any] = datasets.load_dataset(dataset)
    except Exception as error:  # the library passes on the errors of several HTTP clients and file systems
        raise DatasetError(
            f"data set {dataset!r}: no such folder, and loading from the hub failed ({_first_line(error)}); "
            "check the name and the network, or give a folder that holds the data set"
        ) from error
    return splits


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


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
    """Return the name of the label. CSV has no numbers, so a string of digits is a label id in every format."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and not value.isdecimal():
        return value
    if isinstance(value, (str, int)) and not isinstance(value, bool) and 0 <= int(value) < len(labels):
        return labels[int(value)]
    allowed = f"0 to {len(labels) - 1} ({', '.join(labels)}), a name, or an empty value"
    raise DatasetError(f"{coordinates}: label {value!r} is not allowed; use {allowed}")


def _kind(value: object) -> str | None:
    """Return the kind of text; a column `kind` that holds no texts is another column and is ignored."""
    return value if isinstance(value, str) and value else None
