"""Every format of a data set, and every error that a data set can have."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tweets.datasets import SAMPLE, SAMPLE_DEV, DatasetError, Row, SplitMissingError, dataset_name, read_rows

Write = Callable[[str, str | bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of this name and return its path."""

    def write(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def rows(dataset: str, split: str = "test") -> list[Row]:
    return list(read_rows(dataset, split))


def error(dataset: str, split: str = "test") -> str:
    with pytest.raises(DatasetError) as caught:
        rows(dataset, split)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Formats.


def test_a_jsonl_file_gives_its_rows_with_label_ids_as_names(write: Write) -> None:
    path = write("t.jsonl", '{"text": "one", "label": 1}\n{"text": "two", "label": "love"}\n{"text": "three"}\n')
    assert rows(path) == [Row(0, "one", "joy"), Row(1, "two", "love"), Row(2, "three", None)]


def test_blank_lines_of_a_jsonl_file_are_skipped_without_a_number(write: Write) -> None:
    assert rows(write("t.jsonl", '\n{"text": "one"}\n   \n{"text": "two"}')) == [
        Row(0, "one", None),
        Row(1, "two", None),
    ]


def test_a_csv_file_gives_its_rows_with_quotes_line_breaks_and_digits_as_ids(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["label", "text"], [3, 'say "no",\nplease'], ["", "unknown"], ["joy", "named"]])
    assert rows(str(path)) == [
        Row(0, 'say "no",\nplease', "anger"),
        Row(1, "unknown", None),
        Row(2, "named", "joy"),
    ]


def test_a_text_file_gives_one_row_per_line_and_unicode_line_separators_stay_in_the_text(write: Write) -> None:
    assert rows(write("t.txt", "\ufeffone\r\n\nt\u2028wo ")) == [Row(0, "one", None), Row(1, "t\u2028wo ", None)]


def test_a_parquet_file_gives_its_rows_and_ignores_other_columns(tmp_path: Path) -> None:
    path = parquet(tmp_path / "t.parquet", {"other": [7, 8], "text": ["one", "two"], "label": [5, None]})
    assert rows(path) == [Row(0, "one", "surprise"), Row(1, "two", None)]


def test_a_row_may_have_a_list_of_labels(write: Write) -> None:
    path = write("t.jsonl", '{"text": "one", "labels": ["joy", 2, "joy"]}\n{"text": "two", "labels": "joy"}\n')
    assert rows(path) == [Row(0, "one", None, ("joy", "love")), Row(1, "two", None)]


def test_a_parquet_file_may_have_lists_of_labels(tmp_path: Path) -> None:
    path = parquet(tmp_path / "t.parquet", {"text": ["one", "two"], "labels": [["joy", "love"], []]})
    assert rows(path) == [Row(0, "one", None, ("joy", "love")), Row(1, "two", None)]


def test_a_folder_gives_the_file_of_the_split(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", '{"text": "learn"}')
    write("test.txt", "check")
    assert rows(str(tmp_path), "test") == [Row(0, "check", None)]
    assert rows(str(tmp_path), "train") == [Row(0, "learn", None)]


def test_one_file_is_read_whatever_the_split_is_called(write: Write) -> None:
    assert rows(write("t.txt", "check"), "anything") == [Row(0, "check", None)]


@pytest.mark.parametrize("sample", [SAMPLE, SAMPLE_DEV])
def test_a_sample_is_read_whatever_the_split_is_called(sample: str) -> None:
    assert rows(sample, "test") == rows(sample, "anything") != []


def test_a_kind_of_text_is_read_where_there_is_one(write: Write) -> None:
    path = write("t.jsonl", '{"text": "a", "kind": "sarcasm"}\n{"text": "b", "kind": 3}\n{"text": "c"}')
    assert [row.kind for row in rows(path, "test")] == ["sarcasm", None, None]
    assert rows(write("t.csv", "text,kind\na,news\nb,"), "test")[0].kind == "news"


def test_other_labels_name_the_ids_of_another_data_set(write: Write) -> None:
    path = write("t.jsonl", '{"text": "one", "label": 1}')
    assert list(read_rows(path, "test", labels=("no", "yes"))) == [Row(0, "one", "yes")]


def test_rows_before_a_broken_row_are_given_because_reading_is_lazy(write: Write) -> None:
    reader = read_rows(write("t.jsonl", '{"text": "one"}\n{"tex'), "test")
    assert next(reader) == Row(0, "one", None)
    with pytest.raises(DatasetError):
        next(reader)


# Names.


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("sample", "sample"),
        ("sample-dev", "sample-dev"),
        ("dair-ai/emotion", "emotion"),
        ("data/emotion", "emotion"),
        ("data/emotion/", "emotion"),
        ("some/tweets.jsonl", "tweets"),
        ("some/tweets.of.may.csv", "tweets.of.may"),
    ],
)
def test_the_short_name_is_the_name_of_the_folder_the_file_or_the_hub_id(dataset: str, name: str) -> None:
    assert dataset_name(dataset) == name


def test_the_short_name_of_a_relative_folder_is_its_real_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tweets"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert dataset_name(".") == "tweets"


# Errors.


def test_the_error_of_a_missing_path_has_the_path(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.jsonl")
    assert missing in error(missing)
    assert "no such file or folder" in error("nothing")


def test_a_missing_split_lists_those_that_exist(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", "")
    write("validation.csv", "")
    write("README.md", "")
    assert "has no split 'test'; choose one of: train, validation" in error(str(tmp_path))


def test_the_error_of_a_folder_without_any_split_names_the_expected_files(tmp_path: Path) -> None:
    assert "expected a file <split>.jsonl|.csv|.parquet|.txt" in error(str(tmp_path))


def test_an_unknown_format_lists_the_known_ones(write: Write) -> None:
    assert "unknown format '.xml'; use .jsonl, .csv, .parquet, .txt" in error(write("t.xml", ""))


def test_a_missing_split_is_reported_at_the_call_not_at_the_first_row(tmp_path: Path) -> None:
    with pytest.raises(SplitMissingError):
        read_rows(str(tmp_path), "test")


def test_only_a_missing_split_of_an_existing_data_set_is_a_split_missing_error(tmp_path: Path) -> None:
    for dataset in (str(tmp_path / "none"), str(tmp_path / "none.jsonl")):
        with pytest.raises(DatasetError) as caught:
            read_rows(dataset, "test")
        assert not isinstance(caught.value, SplitMissingError)


@pytest.mark.parametrize("line", ['{"text": ', "[" * 100_000, '["text"]', '"text"'])
def test_the_error_of_a_broken_json_line_has_file_and_line(write: Write, line: str) -> None:
    path = write("t.jsonl", f'{{"text": "one"}}\n\n{line}\n')
    assert error(path).startswith(f"{path}, line 3: not ")


@pytest.mark.parametrize("name", ["t.jsonl", "t.txt", "t.csv"])
def test_the_error_of_a_file_that_is_not_utf8_names_the_encoding(write: Write, name: str) -> None:
    assert "not UTF-8" in error(write(name, b'text\n{"text": "\xff"}\n'))


def test_the_error_of_a_file_that_cannot_be_opened_has_the_systems_reason(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("t.txt", "one")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read (Permission denied)" in error(path)


def test_the_error_of_a_csv_file_with_an_open_quote_has_the_line(write: Write) -> None:
    path = write("t.csv", 'text\none\n"two\n')
    assert error(path).startswith(f"{path}, line 3: not CSV")


def test_a_missing_text_column_lists_the_columns(write: Write, tmp_path: Path) -> None:
    assert "no column 'text' (columns: tweet, label)" in error(write("t.csv", "tweet,label\none,1\n"))
    assert "no column 'text' (columns: tweet)" in error(write("t.jsonl", '{"tweet": "one"}'))
    assert "no column 'text' (columns: tweet)" in error(parquet(tmp_path / "t.parquet", {"tweet": ["one"]}))


def test_the_error_of_a_text_that_is_no_string_has_the_row(write: Write) -> None:
    assert "row 1: text is int, not a string" in error(write("t.jsonl", '{"text": "one"}\n{"text": 2}'))


@pytest.mark.parametrize("label", [6, -1, 2.5, True, [1], "6"])
def test_the_error_of_a_label_out_of_range_lists_what_is_allowed(write: Write, label: object) -> None:
    message = error(write("t.jsonl", json.dumps({"text": "one", "label": label})))
    assert f"row 0: label {label!r} is not allowed; use 0 to 5 (sadness, joy," in message


@pytest.mark.parametrize("content", [b"", b"PAR1 but nothing else"])
def test_the_error_of_a_damaged_parquet_file_names_the_format(write: Write, content: bytes) -> None:
    assert "not a parquet file" in error(write("t.parquet", content))


def test_parquet_without_pyarrow_is_an_error_that_names_the_extra(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install '.[data]'" in error(write("t.parquet", b""))


# The hub, with a fake of the library `datasets`.


def parquet(path: Path, columns: dict[str, list[Any]]) -> str:
    pyarrow = pytest.importorskip("pyarrow", reason="comes with the extra data")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    return str(path)
