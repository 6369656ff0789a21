"""`explore`: the figures of data sets with known answers, and the errors for data sets that cannot be used."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.mixed import two_data_sets
from tests.training.moods import MakeDataset, Row, rows_of, word_pieces
from training.__main__ import main
from training.data.splits import Split
from training.explore.repeats import across, places, within
from training.explore.split_facts import split_facts
from training.explore.telling_words import z_scores
from training.explore.text import as_text
from training.output.json_file import write_json
from training.output.manifest import write_manifest
from worker.inference.model_folder import CONFIG_FILE, GOLDEN_FILE, ONNX_FILE, TOKENIZER_FILE

LABELS = ("glad", "low", "cross")
PICTURES = ["classes.png", "lengths.png", "words.png"]
MAX_TOKENS = 7
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a model folder that is complete except for its weights, which `explore` does not read.

    The model's limit is MAX_TOKENS tokens, with [CLS] and [SEP].
    """
    folder = tmp_path / "model"
    folder.mkdir()
    described = {"model_id": "moods-1", "normalizer": "tweet-v1", "temperature": 1.0, "max_tokens": MAX_TOKENS}
    write_json(folder / CONFIG_FILE, {"id2label": dict(enumerate(LABELS)), **described})
    golden = {"text": "i feel so glad", "scores": dict.fromkeys(LABELS, 1 / 3)}
    write_json(folder / GOLDEN_FILE, {"tolerance": 0.1, "texts": [golden]})
    (folder / ONNX_FILE).write_bytes(b"no weights")
    word_pieces().save(str(folder / TOKENIZER_FILE))
    write_manifest(folder)
    return folder


def row(text: str, label: str = "glad") -> Row:
    return {"text": text, "label": label}


def split(name: str, *rows: Row) -> Split:
    texts = tuple(str(one["text"]) for one in rows)
    return Split(name, tuple(range(len(rows))), texts, tuple(LABELS.index(str(one["label"])) for one in rows))


def explored(tmp_path: Path, dataset: str, model: Path, *more: str) -> dict[str, Any]:
    output = tmp_path / "found"
    assert main(["explore", "--dataset", dataset, "--model", str(model), "--output", str(output), *more]) == 0
    report: dict[str, Any] = json.loads((output / "report.json").read_text(encoding="utf-8"))
    return report


# The command.


def test_each_split_and_all_splits_together_are_described(
    tmp_path: Path, moods: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = explored(tmp_path, moods, model)
    *table, last = capsys.readouterr().out.splitlines()
    summary = json.loads(last)
    assert summary["rows"] == {"train": 120, "validation": 15, "test": 12, "all": 147}
    assert summary["output"] == str(tmp_path / "found")
    assert summary["pictures"] == PICTURES == report["pictures"]
    assert table == as_text(report).splitlines()
    assert report["splits"]["train"]["classes"]["low"] == {"rows": 40, "share": pytest.approx(1 / 3, abs=1e-4)}
    assert report["splits"]["all"]["imbalance_ratio"] == 1.0
    assert {entry["word"] for entry in report["telling_words"]["cross"]} == {"furious", "rage", "unfair"}
    for name in PICTURES:
        assert (tmp_path / "found" / name).read_bytes().startswith(PNG)


def test_tokens_are_those_of_the_worker_before_a_text_is_cut(
    tmp_path: Path, make_dataset: MakeDataset, model: Path
) -> None:
    texts = "i feel", "I FEEL so very glad!!! https://t.co/x", "i feel so very very very glad"
    facts = explored(tmp_path, make_dataset(train=[row(text) for text in texts]), model)["splits"]["train"]
    assert facts["tokens"] == {"mean": 6.67, "median": 7.0, "p95": 8.8, "max": 9}
    assert facts["over_max_tokens"] == {"rows": 1, "share": pytest.approx(1 / 3, abs=1e-4)}


def test_a_missing_split_is_reported_and_left_out(
    tmp_path: Path, make_dataset: MakeDataset, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = explored(tmp_path, make_dataset(train=rows_of(LABELS, each=2), test=rows_of(LABELS, each=1)), model)
    assert list(report["splits"]) == ["train", "test", "all"]
    assert "no split 'validation': left out of the report" in capsys.readouterr().err


def test_a_single_file_is_the_split_train_alone(
    tmp_path: Path, moods: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = explored(tmp_path, f"{moods}/test.jsonl", model)
    assert list(report["splits"]) == ["train", "all"]
    assert report["shared"] == []
    assert "read as split 'train', no other splits" in capsys.readouterr().err


def test_a_limit_keeps_the_first_rows_of_each_split(tmp_path: Path, moods: str, model: Path) -> None:
    report = explored(tmp_path, moods, model, "--limit", "13")
    assert {name: facts["rows"] for name, facts in report["splits"].items()} == {
        "train": 13,
        "validation": 13,
        "test": 12,
        "all": 38,
    }


def test_no_row_is_quoted(tmp_path: Path, make_dataset: MakeDataset, model: Path) -> None:
    rows = [row("so sunny", "glad"), row("so sunny", "low"), *rows_of(LABELS, each=9)]
    report = explored(tmp_path, make_dataset(train=rows, test=rows), model)
    assert report["splits"]["train"]["contradictions"] == [{"train-0": "glad", "train-1": "low"}]
    assert "so sunny" not in json.dumps(report)


def test_a_mapped_data_set_is_described_by_its_rows_with_one_label(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"text": "sun", "labels": ["bliss"]},
        {"text": "rain", "labels": ["neutral"]},
        {"text": "hm", "labels": ["odd"]},
        {"text": "both", "labels": ["bliss", "grief"]},
    ]
    (tmp_path / "talk").mkdir()
    for split in ("train", "test"):
        (tmp_path / "talk" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping = "{bliss: joy, grief: sadness, neutral: neutral, odd: skip}"
    (tmp_path / "data.yaml").write_text(f"data: [{{path: talk, labels: {mapping}}}]")
    where = ["--data", str(tmp_path / "data.yaml"), "--data-root", str(tmp_path), "--dataset", "talk"]
    assert main(["explore", *where, "--model", str(model), "--output", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    summary = json.loads(captured.out.splitlines()[-1])
    counts = {"rows": 4, "one_label": 2, "several_labels": 1, "no_label": 1}
    assert summary["mapping"] == {"train": counts, "test": counts}
    assert (summary["rows"], summary["labels"]) == ({"train": 2, "test": 2, "all": 4}, 7)
    assert "train, after the mapping: 2 of 4 rows have one label, 1 several labels, 1 none" in captured.out
    assert "has no split 'validation'" in captured.err


def test_a_mapped_data_set_can_have_labels_other_than_the_emotions(tmp_path: Path, model: Path) -> None:
    file = two_data_sets(tmp_path)
    where = ["--data", str(file), "--data-root", str(tmp_path), "--labels", "glad,low,cross"]
    report = explored(tmp_path, "comments", model, *where)
    assert report["labels"] == ["glad", "low", "cross", "neutral"]
    assert report["mapping"]["train"]["several_labels"] == 20


def test_many_labels_and_a_class_without_rows_can_be_described(
    tmp_path: Path, make_dataset: MakeDataset, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(f"i feel so {'abcdefghijklmnopqrst'[n]}", f"mood {n}") for n in range(20)]
    report = explored(tmp_path, make_dataset(train=rows), model, "--limit", "19")
    assert report["splits"]["train"]["imbalance_ratio"] is None
    assert report["telling_words"]["mood 3"] == []
    assert "no word" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("splits", "complaint"),
    [
        ({"test": rows_of(LABELS, each=1)}, "no split 'train'"),
        ({"train": []}, "no row has a label"),
        ({"train": [{"tweet": "a"}]}, "no column 'text'"),
        ({"train": [row("a"), {"text": "b"}]}, "row 1: no label"),
        ({"train": rows_of(LABELS, each=1), "test": []}, "split 'test' is empty"),
        ({"train": rows_of(LABELS, each=1), "test": [row("a", "bored")]}, "unknown label 'bored'"),
    ],
)
def test_a_data_set_that_cannot_be_used_gives_one_line_and_leaves_nothing(
    tmp_path: Path,
    make_dataset: MakeDataset,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    splits: dict[str, Any],
    complaint: str,
) -> None:
    where = ["--dataset", make_dataset(**splits), "--model", str(model), "--output", str(tmp_path / "found")]
    assert main(["explore", *where]) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err.splitlines()[-1]
    assert captured.err.count("error:") == 1
    assert captured.out == ""
    assert not (tmp_path / "found").exists()


def test_an_output_that_is_a_file_is_named(
    tmp_path: Path, moods: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "found").write_text("mine")
    assert main(["explore", "--dataset", moods, "--model", str(model), "--output", str(tmp_path / "found")]) == 2
    assert f"{tmp_path / 'found'}: cannot be written" in capsys.readouterr().err
    assert (tmp_path / "found").read_text() == "mine"


def test_a_folder_that_is_no_model_is_named(tmp_path: Path, moods: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--dataset", moods, "--model", moods, "--output", str(tmp_path / "found")]) == 2
    captured = capsys.readouterr()
    assert moods in captured.err
    assert captured.err.count("\n") == 1


# Texts that occur more than once.


def test_a_repeated_row_has_the_text_of_an_earlier_row() -> None:
    found = within(places([split("train", row("a"), row("b"), row("a"), row("a"), row("A"))], LABELS))
    assert found == {"repeated_rows": 2, "contradicting_texts": 0, "contradictions": []}


def test_a_text_with_several_labels_is_a_contradiction_across_splits_too() -> None:
    train, test = split("train", row("a"), row("b", "low")), split("test", row("c"), row("b", "cross"))
    assert within(places([train], LABELS))["contradicting_texts"] == 0
    assert within(places([train, test], LABELS))["contradictions"] == [{"train-1": "low", "test-1": "cross"}]


def test_the_texts_that_two_splits_share_are_listed_for_each_pair() -> None:
    train = split("train", row("a"), row("b"), row("c", "low"))
    validation = split("validation", row("c", "low"), row("d"))
    test = split("test", row("b"), row("a", "cross"))
    found = places([train, validation, test], LABELS)
    shared = {"+".join(pair["splits"]): pair for pair in across(found, ["train", "validation", "test"])}
    assert {name: (pair["texts"], pair["with_another_label"]) for name, pair in shared.items()} == {
        "train+validation": (1, 0),
        "train+test": (2, 1),
        "validation+test": (0, 0),
    }
    assert shared["train+test"]["places"] == [
        {"train-0": "glad", "test-1": "cross"},
        {"train-1": "glad", "test-0": "glad"},
    ]


# Kinds of text.


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("i was there", set()),
        ("Feeling fine", {'a word that begins with "feel"', "a capital", "anything but a to z and blanks"}),
        ("unfeeling", set()),
        ("@you 2 #go", {"@", "a digit", "#", "anything but a to z and blanks"}),
        ("ok 😀", {"an emoji", "anything but a to z and blanks"}),
        ("ÄRGER", {"a capital", "anything but a to z and blanks"}),
        (" ", {"nothing but blanks"}),
    ],
)
def test_rows_are_counted_by_the_kinds_of_their_text(text: str, kinds: set[str]) -> None:
    facts = split_facts([split("train", row(text))], LABELS, np.array([3]), max_tokens=MAX_TOKENS)
    assert {kind for kind, counted in facts["rows_with"].items() if counted["rows"]} == kinds
    assert facts["characters"] == {"different": len(set(text)), "common": "".join(sorted(set(text)))}


def test_words_are_separated_by_blanks() -> None:
    rows = [row("one"), row(" one two  three "), row("one two")]
    words = split_facts([split("train", *rows)], LABELS, np.array([3, 5, 4]), max_tokens=MAX_TOKENS)["words"]
    assert words == {"mean": 2.0, "median": 2.0, "p95": 2.9, "max": 3}


# Typical words.


def test_z_scores_are_those_of_the_formula() -> None:
    counts = np.array([[8.0, 2.0], [4.0, 16.0]])
    inside, outside = (8 + 6) / (2 + 9), (4 + 6) / (16 + 9)  # the prior: half of 12, half of 18
    expected = (np.log(inside) - np.log(outside)) / np.sqrt(1 / 14 + 1 / 10)
    scores = z_scores(counts)
    assert scores[0, 0] == pytest.approx(expected)
    assert scores[1, 0] == pytest.approx(-expected)
