"""The files of data sets: from each format to the fields of rows, and what is wrong with a file."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tweets.emotions import EMOTIONS, NEUTRAL
from tweets.json_errors import json_error
from tweets.label_values import label_name
from tweets.labelled_lines import NotALabelledLineError, texts_and_labels

RowFields = Mapping[str, Any]
"""The fields of one row before any check: `text`, in many data sets `label`, and others that are ignored."""

_COLUMNS = ("text", "label", "labels", "kind")
"""The columns that are read from a Parquet file; the others would take memory."""

EXTRA_DATA = "install the extra: pip install '.[data]' in the project's folder"


class DatasetError(Exception):
    """A data set cannot be read; the text is one line that names the problem, the place and what to do."""


def read_fields(path: Path, labels: Sequence[str]) -> Iterator[RowFields]:
    """Yield the fields of each row of a file whose suffix is one of FORMATS.

    `labels` are the names that label ids stand for: in a text file, they distinguish labels from other words.
    """
    try:
        yield from _READERS[path.suffix](path, labels)
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check the file's permissions") from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or the name of its class."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _read_jsonl(path: Path, _: Sequence[str]) -> Iterator[RowFields]:
    for number, line in _lines(path):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = json_error(error)
            raise DatasetError(f"{path}, line {number}: not JSON ({why}); correct or delete the line") from error
        if not isinstance(fields, dict):
            raise DatasetError(f'{path}, line {number}: not a JSON object; each line must be like {{"text": "…"}}')
        yield fields


def _read_txt(path: Path, labels: Sequence[str]) -> Iterator[RowFields]:
    names = (*dict.fromkeys([*labels, *EMOTIONS, NEUTRAL]),)
    try:
        for text, label in texts_and_labels(partial(_lines, path), names, partial(_is_label, labels, names)):
            yield {"text": text, "label": label}
    except NotALabelledLineError as error:
        raise DatasetError(
            f"{path}, line {error.number}: the file looks like lines of text;label, and this line does not end in ';' "
            f"or a tab and one of {', '.join(names)}; correct the line, or save the file as .csv with the columns text "
            "and label"
        ) from None


def _is_label(labels: Sequence[str], names: Sequence[str], word: str) -> bool:
    try:
        return word in names or label_name(word, labels) in labels
    except ValueError:
        return False


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers as an editor shows them."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line.rstrip("\n")


def _read_csv(path: Path, _: Sequence[str]) -> Iterator[RowFields]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        first = 1
        try:
            for fields in reader:
                first = reader.reader.line_num + 1
                yield fields
        except csv.Error as error:
            raise DatasetError(f"{path}, line {first}: {_csv_error(error)}") from error


def _csv_error(error: csv.Error) -> str:
    """Return what is wrong with a row, and what to do; the row may be longer than the line in which it begins."""
    if "field limit" in str(error):
        limit = f"{csv.field_size_limit():,}"
        return f"a field of this row has more than {limit} characters; close an open quote, or shorten the field"
    if "unexpected end" in str(error):
        return "not CSV (a quote is open at the end of the file); close the quote of this row"
    return f"not CSV ({error}); correct the row"


def _read_parquet(path: Path, _: Sequence[str]) -> Iterator[RowFields]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DatasetError(f"data set {str(path)!r}: parquet needs pyarrow; {EXTRA_DATA}") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            wanted = [name for name in file.schema_arrow.names if name in _COLUMNS]
            for batch in file.iter_batches(columns=wanted if "text" in wanted else None):
                yield from batch.to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise DatasetError(f"{path}: not a parquet file ({first_line(error)}); write the file again") from error


_READERS: dict[str, Callable[[Path, Sequence[str]], Iterator[RowFields]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".txt": _read_txt,
}

FORMATS = tuple(_READERS)
"""The suffixes of the files that can be read."""
