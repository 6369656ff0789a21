"""A folder is written completely or not at all."""

import subprocess
from pathlib import Path

import pytest

from training.export.manifest import write_manifest
from training.output.errors import TrainingError
from training.output.whole_folder import whole_folder


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "model"
    with whole_folder(target, replaces="SUMS") as temporary:
        (temporary / "SUMS").write_text("x")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["SUMS"]
    assert list(target.parent.iterdir()) == [target]


def test_an_error_keeps_the_earlier_folder_and_leaves_no_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with whole_folder(target, replaces="SUMS") as temporary:
        (temporary / "SUMS").write_text("old")

    def fail_half_way() -> None:
        with whole_folder(target, replaces="SUMS") as temporary:
            (temporary / "SUMS").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert (target / "SUMS").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_of_the_same_kind_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for name in ("first", "second"):
        with whole_folder(target, replaces="SUMS") as temporary:
            (temporary / "SUMS").write_text(name)
            (temporary / name).write_text("")
    assert sorted(path.name for path in target.iterdir()) == ["SUMS", "second"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_of_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_text("")
    with pytest.raises(TrainingError, match="holds other files"), whole_folder(tmp_path, replaces="SUMS"):
        pass
    assert (tmp_path / "holiday.jpg").exists()


def test_the_error_names_a_file_at_the_path(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("")
    with pytest.raises(TrainingError, match="is a file"), whole_folder(tmp_path / "model", replaces="SUMS"):
        pass


def test_sha256sum_accepts_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    write_manifest(tmp_path, "SUMS")
    subprocess.run(["sha256sum", "--check", "--strict", "SUMS"], cwd=tmp_path, check=True, capture_output=True)
    assert len((tmp_path / "SUMS").read_text().splitlines()) == 2
