"""A report's folder is checked before the work starts; afterwards no picture of an earlier report is left."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.explained import MakeModel
from training.__main__ import main
from training.output.errors import TrainingError
from training.output.report_folder import prepare_report_folder, writing_report

PICTURES = r"(?:models|text-\d+)\.png"
Command = Callable[[Path], list[str]]


def test_the_folder_and_its_parents_are_made(tmp_path: Path) -> None:
    prepare_report_folder(tmp_path / "deep" / "report")
    assert list((tmp_path / "deep" / "report").iterdir()) == []


def test_an_existing_folder_stays_unchanged_until_the_report_is_written(tmp_path: Path) -> None:
    for name in ("models.png", "text-3.png", "mine.png", "text-3.png.txt"):
        (tmp_path / name).write_text("")
    prepare_report_folder(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    with writing_report(tmp_path, pictures=PICTURES):
        (tmp_path / "models.png").write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.png", "models.png", "text-3.png.txt"]
    assert (tmp_path / "models.png").read_text() == "new"


def test_the_error_names_a_file_at_the_path_and_the_file_is_kept(tmp_path: Path) -> None:
    taken = tmp_path / "report"
    taken.write_text("mine")
    for output in (taken, taken / "deeper"):
        with pytest.raises(TrainingError, match=f"{output}: cannot be written.*choose another --output"):
            prepare_report_folder(output)
    assert taken.read_text() == "mine"


def test_the_error_names_a_folder_that_cannot_be_made() -> None:
    with pytest.raises(TrainingError, match=r"/proc/report: cannot be written .*choose another --output"):
        prepare_report_folder(Path("/proc/report"))


def test_a_full_disk_while_the_report_is_written_gives_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(TrainingError, match=r"cannot be written \(No space left on device\); free disk space"),
        writing_report(tmp_path, pictures=PICTURES),
    ):
        raise OSError(28, "No space left on device")


def report_of(command: str, *, dataset: str, model: Path) -> list[str]:
    data = ["--dataset", dataset]
    return {
        "explore": ["explore", *data, "--model", str(model)],
        "evaluate": ["evaluate", *data, "--model", str(model)],
        "compare": ["compare", *data, "--bases", "tfidf"],
        "tune": ["tune", *data, "--base", "minilm"],
        "explain": ["explain", "so glad", "--model", str(model)],
    }[command]


@pytest.mark.parametrize("command", ["explore", "evaluate", "compare", "tune", "explain"])
def test_every_command_refuses_a_file_with_the_same_error(
    tmp_path: Path, make_model: MakeModel, moods: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    arguments = report_of(command, dataset=moods, model=make_model())
    assert main([*arguments, "--output", str(taken)]) == 2
    expected = f"{taken}: cannot be written (it is a file, not a folder); choose another --output"
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == f"error: {expected}"
    assert captured.out == ""
    assert taken.read_text() == "mine"


def test_a_refused_command_keeps_the_earlier_report(tmp_path: Path, moods: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "history.png").write_text("of an earlier search")
    assert main(["tune", "--dataset", moods, "--base", "/nowhere", "--output", str(tmp_path / "out")]) == 2
    assert (tmp_path / "out" / "history.png").exists()


def test_a_report_in_a_new_folder_is_complete(
    tmp_path: Path, make_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "deep" / "out"
    assert main(["explain", "so glad", "--model", str(make_model()), "--output", str(output)]) == 0
    pictures = json.loads(capsys.readouterr().out.splitlines()[-1])["pictures"]
    assert {path.name for path in output.iterdir()} == {*pictures, "explain.html", "report.json"}
