"""Training on several data sets: which rows take part, and what happens to texts of evaluation sets."""

from pathlib import Path

import pytest

from tests.training.mixed import LABELS, comments, moods, two_data_sets, write
from training.__main__ import main
from training.data.data_file import read_data_file
from training.data.mixed_data import MixedData, read_mixed_data
from training.data.parts import TrainingPart, row_targets, shown_rows
from training.output.errors import TrainingError
from tweets.datasets import SAMPLE_FILES, read_rows
from tweets.normalizer import NORMALIZERS


def read(file: Path, *, skipped: bool = False) -> MixedData:
    specs = read_data_file(file, root=file.parent, labels=LABELS)
    return read_mixed_data(specs, normalize=NORMALIZERS["tweet-v1"], skipped=skipped)


def test_training_rows_with_the_text_of_an_evaluation_row_are_counted_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = two_data_sets(tmp_path)
    repeated = moods(each=1, start=40)[0]["text"].upper() + "!!"
    write(
        tmp_path / "comments",
        train=[
            *comments(each=9),
            {"text": repeated, "labels": ["sunny"]},
            {"text": "unlike any other", "labels": ["livid"]},
        ],
        test=[{"text": "Unlike any other!", "labels": ["livid"]}],
    )
    data = read(file)
    texts = set(data.parts[1].texts)
    assert not texts & {repeated, "unlike any other"}
    assert data.left_out["comments, also in comments test"] == 1
    assert data.left_out["comments, also in moods validation"] == 1
    assert "1 of 47 training rows of comments are also in comments test and are left out" in capsys.readouterr().err


@pytest.mark.parametrize("sample", SAMPLE_FILES)
def test_texts_of_the_shipped_samples_are_left_out(tmp_path: Path, sample: str) -> None:
    file = two_data_sets(tmp_path)
    texts = [row.text for row in read_rows(sample, "test") if len(row.text) > 40][:3]
    rows = [{"text": text.upper(), "labels": ["livid"]} for text in texts]
    write(tmp_path / "comments", train=[*comments(each=9), *rows])
    data = read(file)
    assert data.left_out[f"comments, also in {sample}"] == 3
    assert not set(data.parts[1].texts) & {text.upper() for text in texts}


def test_a_text_of_two_data_sets_is_trained_on_in_the_first(tmp_path: Path) -> None:
    file = two_data_sets(tmp_path)
    write(tmp_path / "moods", train=[*moods(each=5), {"text": "Furious, this!", "label": "cross"}])
    write(tmp_path / "comments", train=[*comments(each=9), {"text": "furious this", "labels": ["livid"]}])
    data = read(file)
    assert data.left_out["comments, also in moods"] == 1
    assert "Furious, this!" in data.parts[0].texts
    assert "furious this" not in data.parts[1].texts


def test_only_with_a_teacher_rows_without_a_usable_label_take_part(tmp_path: Path) -> None:
    file = two_data_sets(tmp_path)
    assert all(targets for part in read(file).parts for targets in part.targets)
    assert () in read(file, skipped=True).parts[1].targets


def test_a_data_set_of_weight_0_is_only_evaluated(tmp_path: Path) -> None:
    data = read(two_data_sets(tmp_path, more=", weight: 0"))
    assert [part.name for part in data.parts] == ["moods"]
    assert [split.dataset for split in data.validations] == ["moods", "comments"]
    assert not data.has_neutral


def test_a_label_without_a_training_row_is_named(tmp_path: Path) -> None:
    file = two_data_sets(tmp_path)
    write(tmp_path / "comments", train=[row for row in comments(each=9) if row["labels"] != ["plain"]])
    with pytest.raises(TrainingError, match="no training row of the data file is labelled neutral"):
        read(file)


def test_the_first_data_set_needs_a_validation_split(tmp_path: Path) -> None:
    file = two_data_sets(tmp_path)
    (tmp_path / "moods" / "validation.jsonl").unlink()
    with pytest.raises(TrainingError, match="the first data set needs a split 'validation'"):
        read(file)


def test_targets_are_equal_parts_and_rows_of_other_data_sets_say_nothing_about_neutral() -> None:
    plain = TrainingPart("plain", ("a",), ((1,),))
    knowing = TrainingPart("knowing", ("b", "c", "d"), ((0, 1), (2,), ()), knows_neutral=True, weight=0.5)
    targets = row_targets((plain, knowing), labels=2, neutral=True)
    assert targets.classes.tolist() == [[0, 1, 0], [0.5, 0.5, 0], [0, 0, 1], [0, 0, 0]]
    assert targets.all_outputs.tolist() == [False, True, True, True]
    assert targets.weights.tolist() == [1, 0.5, 0.5, 0.5]
    assert targets.numbers == [1, 0, 2, -1]


def part_of(rows: int, ratio: float) -> TrainingPart:
    return TrainingPart("one", tuple(map(str, range(rows))), ((0,),) * rows, ratio=ratio)


def test_a_ratio_below_1_shows_every_row_in_turn() -> None:
    parts = (part_of(4, 1.0), part_of(10, 0.5))
    first, second = shown_rows(parts, 1, seed=3), shown_rows(parts, 2, seed=3)
    assert first[:4] == second[:4] == [0, 1, 2, 3]
    assert sorted(first[4:] + second[4:]) == list(range(4, 14))
    assert first == shown_rows(parts, 1, seed=3) != shown_rows(parts, 1, seed=4)


def test_a_ratio_above_1_shows_rows_several_times() -> None:
    shown = shown_rows((part_of(10, 2.5),), 1, seed=3)
    assert len(shown) == 25
    assert {shown.count(row) for row in range(10)} == {2, 3}


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_a_data_set_whose_rows_are_all_left_out_shows_no_row(ratio: float) -> None:
    assert shown_rows((part_of(2, 1.0), part_of(0, ratio)), 1, seed=3) == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: [{path: moods, labels: {glad: awe}}]", "which is no label of the model"),
        ("data: [{path: moods, weight: 0}]", "no data set has a weight and a ratio above 0"),
        ("data: [{path: comments, labels: {sunny: glad}}]", "has no mapping"),
        ("data: [{path: moods}, {path: nowhere}]", "nowhere"),
        ("data: [{path: moods}, {path: sample-dev}]", "is for evaluation only"),
        ("data: [{path: moods}, {path: ./moods}]", "is listed twice"),
    ],
)
def test_wrong_data_ends_train_with_one_line_and_nothing_written(
    tmp_path: Path, tiny_base: str, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    file = two_data_sets(tmp_path)
    file.write_text(text, encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    where = ["--data", str(file), "--data-root", str(tmp_path), "--labels", ",".join(LABELS)]
    run = ["--base", tiny_base, "--run", str(tmp_path / "run"), "--no-export"]
    assert main(["train", *where, *run]) == 2
    captured = capsys.readouterr()
    assert message in captured.err.splitlines()[-1]
    assert captured.out == ""
    assert sorted(tmp_path.iterdir()) == before
