"""Files of data sets: lines of text and label, one reading of a label in all formats, long fields, names of splits."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tweets.test_datasets import Write, error, parquet, rows
from tests.tweets.test_datasets import write as write  # noqa: PLC0414 - a fixture
from tweets.datasets import DatasetError, Row, SplitMissingError, read_rows
from tweets.emotions import EMOTIONS
from tweets.label_values import label_name

KAGGLE = "i feel fine;joy\ni am alone;sadness\nleave me; now;anger\n"


# A text and its label on each line.


@pytest.mark.parametrize(
    "content",
    [
        KAGGLE,
        KAGGLE.replace("\n", "\r\n"),
        "\ufeff" + KAGGLE.rstrip(),
        KAGGLE.replace("\n", "\n\n"),
        "i feel fine\tjoy\ni am alone\tsadness\nleave me; now\tanger\n",
        "i feel fine;joy;\ni am alone;sadness;\nleave me; now;anger;\n",
        "i feel fine; joy\ni am alone; sadness \nleave me; now; anger\t\n",
        "i feel fine;1\ni am alone;0\nleave me; now;3\n",
        "i feel fine;1.0\ni am alone;0.0\nleave me; now;3.0\n",
        '"i feel fine";joy\n"i am alone";sadness\n"leave me; now";anger\n',
        '"i feel fine";"joy"\n"i am alone";"sadness"\n"leave me; now";"anger"\n',
    ],
    ids=repr,
)
def test_a_text_file_whose_lines_end_in_a_label_has_texts_and_labels(write: Write, content: str) -> None:
    assert rows(write("train.txt", content)) == [
        Row(0, "i feel fine", "joy"),
        Row(1, "i am alone", "sadness"),
        Row(2, "leave me; now", "anger"),
    ]


def test_quotes_that_belong_to_a_labelled_text_stay(write: Write) -> None:
    content = '"no" she said;fear\n"she said ""no""";fear\nhe said "yes";joy\n'
    assert [row.text for row in rows(write("t.txt", content))] == ['"no" she said', 'she said "no"', 'he said "yes"']


def test_own_labels_are_labels_at_the_end_of_a_line(write: Write) -> None:
    path = write("t.txt", "so good;up\nso bad;down\n")
    assert [row.label for row in read_rows(path, "test", labels=("down", "up"))] == ["up", "down"]
    assert "line 1" in error(path)


LABELLED = [f"text number {n};{EMOTIONS[n % 6]}" for n in range(40)]


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ([*LABELLED, "a text without a label"], 41),
        ([*LABELLED[:20], "a text;", *LABELLED[20:]], 21),
        ([*LABELLED, "a text;boredom"], 41),
        ([*LABELLED, "a text;Joy"], 41),
        ([*LABELLED, "a text;6"], 41),
        (["text;emotion", *LABELLED], 1),
        (["so nice; lol", "again; lol"], 1),
        ([line.replace(";", ",") for line in LABELLED], 1),
        ([line.replace(";", "|") for line in LABELLED], 1),
        ([";".join(reversed(line.split(";"))) for line in LABELLED], 1),
        (["joy\ti feel fine", "fear\ti am alone"], 1),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_a_file_of_labels_that_cannot_be_read_is_refused_with_the_line(
    write: Write, lines: list[str], number: int
) -> None:
    path = write("t.txt", "\n".join(lines))
    assert error(path).startswith(f"{path}, line {number}: the file looks like lines of text;label")


@pytest.mark.parametrize(
    "lines",
    [
        [*LABELLED[:18], "two of twenty", "are plain text"],
        ["i love you, joy", "what a day, love", "in fear, fear"],
        [f"so; word{n}" for n in range(60)],
        ["love; it is everything to me", "joy, and nothing else"],
        ["smile ;)", "wink ;)"],
        ["a;b c", "d\te f"],
    ],
    ids=lambda value: str(value)[-60:],
)
def test_other_text_files_are_plain_text(write: Write, lines: list[str]) -> None:
    assert rows(write("t.txt", "\n".join(lines))) == [Row(n, line, None) for n, line in enumerate(lines)]


@given(st.lists(st.sampled_from(["so it is", "so it is;joy", "so it is\tjoy", "so;very", "joy;so"]), min_size=1))
def test_a_text_file_is_plain_text_or_labelled_and_never_in_part(tmp_path_factory: Any, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("lines") / "t.txt"
    path.write_text("\n".join(lines))
    try:
        found = list(read_rows(str(path), "test"))
    except DatasetError:
        return
    assert len(found) == len(lines)
    assert [row.text for row in found] == lines or {row.label for row in found} == {"joy"}


# Names of the validation split.


@pytest.mark.parametrize("name", ["val.txt", "valid.csv", "dev.jsonl", "validation.jsonl"])
@pytest.mark.parametrize("split", ["validation", "val"])
def test_the_validation_split_may_have_another_name(write: Write, tmp_path: Path, name: str, split: str) -> None:
    content = {"txt": "a;joy", "csv": "text,label\na,joy\n", "jsonl": '{"text": "a", "label": "joy"}'}
    write(name, content[name.partition(".")[2]])
    write("train.txt", "b;joy")
    assert rows(str(tmp_path), split) == [Row(0, "a", "joy")]


def test_the_split_of_the_exact_name_is_preferred(write: Write, tmp_path: Path) -> None:
    write("val.jsonl", '{"text": "val"}')
    write("validation.csv", "text\nvalidation\n")
    assert [rows(str(tmp_path), split)[0].text for split in ("val", "validation")] == ["val", "validation"]


def test_no_other_split_has_a_second_name(write: Write, tmp_path: Path) -> None:
    write("val.txt", "a;joy")
    with pytest.raises(SplitMissingError, match="choose one of: val"):
        read_rows(str(tmp_path), "test")


# One reading of a label in all formats.

READINGS: list[tuple[Any, str | None]] = [
    (1, "joy"),
    (1.0, "joy"),
    ("1", "joy"),
    ("1.0", "joy"),
    (" 1 ", "joy"),
    ("01", "joy"),
    ("1e0", "joy"),
    (" joy ", "joy"),
    ("boredom", "boredom"),
    ("label 1", "label 1"),
    ("1_0", "1_0"),
    ("", None),
    (None, None),
    (math.nan, None),
    ("nan", None),
]
REFUSED = [6, -1, 2.5, True, False, "6", "-1", "2.5", "true", "False", "inf", math.inf, 10**400, "9" * 400]


@pytest.mark.parametrize(("value", "name"), READINGS)
def test_a_label_has_one_reading_in_csv_json_and_parquet(tmp_path: Path, value: Any, name: str | None) -> None:
    paths = [written_csv(tmp_path, value), written_jsonl(tmp_path, value)]
    paths.append(parquet(tmp_path / "t.parquet", {"text": ["a"], "label": [value]}))
    assert [rows(path)[0].label for path in paths] == [name] * 3


@pytest.mark.parametrize("value", REFUSED)
def test_a_label_that_is_no_position_is_refused_in_csv_and_json(tmp_path: Path, value: Any) -> None:
    for path in (written_csv(tmp_path, value), written_jsonl(tmp_path, value)):
        assert "is not allowed; use 0 to 5 (sadness," in error(path)


@given(st.integers(0, 5))
def test_every_way_to_write_a_number_is_the_same_label(number: int) -> None:
    ways: list[object] = [number, float(number), str(number), str(float(number)), f"{number}.00", f"+{number}"]
    assert {label_name(way, EMOTIONS) for way in ways} == {EMOTIONS[number]}


def written_csv(folder: Path, value: object) -> str:
    path = folder / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], ["a", value]])
    return str(path)


def written_jsonl(folder: Path, value: object) -> str:
    path = folder / "t.jsonl"
    path.write_text(json.dumps({"text": "a", "label": value}), encoding="utf-8")
    return str(path)


# What is wrong with a row.


def test_a_long_field_of_a_csv_file_is_called_long_and_has_the_line_of_its_row(write: Write) -> None:
    message = error(write("t.csv", f'text,html\none,1\n"two\nlines",{"x" * 140_000}\n'))
    assert "line 3: a field of this row has more than 131,072 characters" in message
    assert "not CSV" not in message


def test_a_quote_that_is_never_closed_has_the_line_at_which_its_row_begins(write: Write) -> None:
    assert "line 3: not CSV (a quote is open" in error(write("t.csv", 'text\none\n"two\nthree\nfour\n'))
    assert "line 3: a field of this row has more" in error(write("t.csv", 'text\none\n"two\n' + "three\n" * 30_000))


@pytest.mark.parametrize("line", ['{"text": "a', '{"text": "a\tb"}'])
def test_the_place_of_a_json_error_is_named_once(write: Write, tmp_path: Path, line: str) -> None:
    message = error(write("t.jsonl", f'{{"text": "one"}}\n{line}\n'))
    assert message.startswith(f"{tmp_path / 't.jsonl'}, line 2: not JSON (")
    assert message.count("character") - message.count("control character") == 1
    assert "at at" not in message
    assert "line 1" not in message


def test_a_row_without_a_text_is_missing_its_text(write: Write) -> None:
    assert "row 0: the text is missing" in error(write("t.csv", "label,text\njoy\n"))
    assert "row 0: the text is missing" in error(write("t.jsonl", '{"text": null}'))
