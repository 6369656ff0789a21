"""A folder is written completely or not at all, and replaces only a folder that a command wrote."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.model_folders import write_folder
from training.output.errors import TrainingError
from training.output.manifest import write_manifest
from training.output.own_folder import MODEL_FOLDER, REPORT_FOLDER, RUN_FOLDER, FolderKind, own_files
from training.output.whole_folder import whole_folder

KINDS = (MODEL_FOLDER, RUN_FOLDER, REPORT_FOLDER)


def write(target: Path, kind: FolderKind = MODEL_FOLDER, **files: str) -> None:
    """Write a folder of a kind with further files."""
    with whole_folder(target, replaces=kind) as temporary:
        (temporary / kind.file).write_text(json.dumps({str(kind.field): "x"}))
        for name, text in files.items():
            (temporary / name).write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "model"
    with whole_folder(target, replaces=MODEL_FOLDER) as temporary:
        (temporary / "config.json").write_text("{}")
        assert not target.exists()
    assert names(target) == ["SHA256SUMS", "config.json"]
    assert list(target.parent.iterdir()) == [target]


def test_an_error_keeps_the_earlier_folder_and_leaves_no_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / "model"
    write(target, note="old")

    def fail_half_way() -> None:
        with whole_folder(target, replaces=MODEL_FOLDER) as temporary:
            (temporary / "note").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert (target / "note").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_folder_of_the_same_kind_is_replaced_as_a_whole(tmp_path: Path, kind: FolderKind) -> None:
    target = tmp_path / "made"
    write(target, kind, first="")
    write(target, kind, second="")
    assert names(target) == sorted(["SHA256SUMS", kind.file, "second"])
    assert list(tmp_path.iterdir()) == [target]


def test_other_users_can_read_every_file(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write(tmp_path / "model", note="x")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()} == {0o644}


def an_extra_file(folder: Path) -> None:
    (folder / "holiday.jpg").write_text("mine")


def a_hidden_file(folder: Path) -> None:
    (folder / ".notes").write_text("mine")


def an_edited_file(folder: Path) -> None:
    with (folder / "note").open("a") as file:
        file.write(" and my remark")


def a_missing_file(folder: Path) -> None:
    (folder / "note").unlink()


def a_subfolder(folder: Path) -> None:
    (folder / "mine").mkdir()


def a_link_beside_the_files(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent)


def a_link_in_the_place_of_a_file(folder: Path) -> None:
    (folder / "note").rename(folder.parent / "note")
    (folder / "note").symlink_to(folder.parent / "note")


def no_manifest(folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()


def an_empty_manifest(folder: Path) -> None:
    (folder / "SHA256SUMS").write_text("")


def a_manifest_of_paths(folder: Path) -> None:
    (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text().replace("  ", "  ./"))


CHANGES = [
    an_extra_file,
    a_hidden_file,
    an_edited_file,
    a_missing_file,
    a_subfolder,
    a_link_beside_the_files,
    a_link_in_the_place_of_a_file,
    no_manifest,
    an_empty_manifest,
    a_manifest_of_paths,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_folder_is_kept_as_it_is(tmp_path: Path, kind: FolderKind, change: Callable[[Path], None]) -> None:
    target = tmp_path / "made"
    write(target, kind, note="old")
    change(target)
    before = names(target)
    with pytest.raises(TrainingError, match="is kept as it is; choose a new or an empty folder") as caught:
        write(target, kind)
    assert "\n" not in str(caught.value)
    assert names(target) == before


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_that_changes_while_its_successor_is_made_is_kept(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    target = tmp_path / "made"
    write(target, note="old")

    def work() -> None:
        with whole_folder(target, replaces=MODEL_FOLDER):
            change(target)

    with pytest.raises(TrainingError, match="is kept as it is"):
        work()
    assert (target / "config.json").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"made", "note"}


def test_a_folder_of_downloads_with_checksums_is_kept(tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (downloads / "image.iso").write_text("mine")
    write_manifest(downloads)
    for kind in KINDS:
        with pytest.raises(TrainingError, match="is kept as it is"):
            write(downloads, kind)
    (downloads / "config.json").write_text('{"editor": "mine"}')
    write_manifest(downloads)
    with pytest.raises(TrainingError, match=r"config\.json has no model_id"):
        write(downloads)
    assert names(downloads) == ["SHA256SUMS", "config.json", "image.iso"]


@pytest.mark.parametrize("text", ["[]", "null", '"model_id"', "[" * 100_000, "{", "{}"], ids=lambda text: text[:12])
def test_a_configuration_that_is_none_is_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    write_manifest(tmp_path)
    with pytest.raises(TrainingError, match="is kept as it is"):
        own_files(tmp_path, MODEL_FOLDER)


def test_a_folder_of_another_kind_is_kept(tmp_path: Path) -> None:
    for kind in KINDS:
        write(tmp_path / kind.file, kind)
    for kind in KINDS:
        for other in set(KINDS) - {kind}:
            with pytest.raises(TrainingError, match=f"is not exactly {other.name}"):
                own_files(tmp_path / kind.file, other)


def test_a_home_folder_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_folder(tmp_path)  # even with a whole model among its files
    (tmp_path / ".profile").write_text("mine")
    (tmp_path / "documents").mkdir()
    before = names(tmp_path)
    with pytest.raises(TrainingError, match="is kept as it is"):
        write(Path.home())
    assert names(tmp_path) == before


def test_a_link_to_a_folder_is_refused_and_the_folder_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "model", note="old")
    (tmp_path / "link").symlink_to(tmp_path / "model")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for link in ("link", "dangling"):
        with pytest.raises(TrainingError, match=f"{link}: is a symbolic link"):
            write(tmp_path / link)
    assert (tmp_path / "model" / "note").read_text() == "old"
    assert names(tmp_path) == ["dangling", "link", "model"]


def test_an_empty_current_folder_can_be_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    write(Path())
    assert names(tmp_path / "empty") == ["SHA256SUMS", "config.json"]
    assert names(tmp_path) == ["empty"]


def test_the_error_names_a_file_at_the_path(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("")
    with pytest.raises(TrainingError, match="is a file"):
        write(tmp_path / "model")


def test_sha256sum_accepts_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    write_manifest(tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)
    assert len((tmp_path / "SHA256SUMS").read_text().splitlines()) == 2
