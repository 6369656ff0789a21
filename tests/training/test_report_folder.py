"""A report's folder is checked before the work starts; afterwards no file of an earlier report is left."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.explained import MakeModel
from training.__main__ import main
from training.output.errors import TrainingError
from training.output.report_folder import prepare_report_folder, writing_report

Command = Callable[[Path], list[str]]


def test_the_folder_and_its_parents_are_made(tmp_path: Path) -> None:
    prepare_report_folder(tmp_path / "deep" / "report")
    assert list((tmp_path / "deep" / "report").iterdir()) == []


def write(output: Path, *names: str) -> None:
    """Write a report with these pictures."""
    with writing_report(output) as folder:
        for name in ("report.json", *names):
            (folder / name).write_text("new")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_earlier_report_stays_unchanged_until_the_next_one_is_written(tmp_path: Path) -> None:
    write(tmp_path, "models.png", "text-3.png")
    prepare_report_folder(tmp_path)
    assert names(tmp_path) == ["SHA256SUMS", "models.png", "report.json", "text-3.png"]
    write(tmp_path, "models.png")
    assert names(tmp_path) == ["SHA256SUMS", "models.png", "report.json"]


@pytest.mark.parametrize("name", ["history.png", "report.json", "mine.txt", ".hidden"])
def test_a_folder_with_a_file_of_another_program_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    for use in (prepare_report_folder, write):
        with pytest.raises(TrainingError, match="is not exactly a report that this program wrote"):
            use(tmp_path)
    assert names(tmp_path) == [name]


def test_a_report_with_a_remark_of_its_reader_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "models.png")
    (tmp_path / "report.json").write_text("my remark")
    with pytest.raises(TrainingError, match=r"report.json does not have the SHA-256"):
        write(tmp_path)
    assert (tmp_path / "report.json").read_text() == "my remark"
    assert (tmp_path / "models.png").exists()


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    write_to = tmp_path / "link"
    write_to.symlink_to(tmp_path)
    with pytest.raises(TrainingError, match="is a symbolic link"):
        prepare_report_folder(write_to)


def test_files_that_belong_beside_a_report_stay(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("study")
    prepare_report_folder(tmp_path, beside=["study.db"])
    for name in ("first.png", "second.png"):
        with writing_report(tmp_path, beside=["study.db"]) as folder:
            (folder / "report.json").write_text("{}")
            (folder / name).write_text("")
    assert names(tmp_path) == ["SHA256SUMS", "report.json", "second.png", "study.db"]


def test_an_error_while_the_report_is_written_keeps_the_earlier_one(tmp_path: Path) -> None:
    write(tmp_path, "models.png")

    def fail_half_way() -> None:
        with writing_report(tmp_path) as folder:
            (folder / "report.json").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert (tmp_path / "report.json").read_text() == "new"
    assert names(tmp_path) == ["SHA256SUMS", "models.png", "report.json"]


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
        writing_report(tmp_path),
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
    write(tmp_path / "out", "history.png")
    assert main(["tune", "--dataset", moods, "--base", "/nowhere", "--output", str(tmp_path / "out")]) == 2
    assert (tmp_path / "out" / "history.png").exists()


def test_a_report_in_a_new_folder_is_complete(
    tmp_path: Path, make_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "deep" / "out"
    assert main(["explain", "so glad", "--model", str(make_model()), "--output", str(output)]) == 0
    pictures = json.loads(capsys.readouterr().out.splitlines()[-1])["pictures"]
    assert {path.name for path in output.iterdir()} == {*pictures, "explain.html", "report.json", "SHA256SUMS"}
