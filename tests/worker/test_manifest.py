"""A manifest lists regular files of its own folder, each once, and nothing else is opened."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.model_folders import write_folder
from worker.errors import ExitCode, FatalError
from worker.inference import model_folder
from worker.inference.bundled import BUNDLED_MANIFEST_SHA256
from worker.inference.model_folder import open_model_folder
from worker.settings import BUNDLED_MODEL


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "model")


def refused(path: Path) -> str:
    with pytest.raises(FatalError) as caught:
        open_model_folder(path)
    assert caught.value.exit_code is ExitCode.MODEL
    assert "\n" not in str(caught.value)
    return str(caught.value)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "name", ["../outside", "{outside}", "folder/inside", ".", "..", "", "SHA256SUMS", "..\\outside"]
)
def test_a_manifest_that_lists_no_file_of_the_folder_itself_is_refused(path: Path, name: str) -> None:
    outside = path.parent / "outside"
    for file in (outside, path / "folder" / "inside"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
    with (path / "SHA256SUMS").open("a") as manifest:
        manifest.write(f"{digest(outside)}  {name.format(outside=outside)}\n")
    assert "line 5 of SHA256SUMS" in refused(path)


@pytest.mark.parametrize(
    "line",
    ["", "config.json", "0" * 63 + "  config.json", "Z" * 64 + "  config.json", "0" * 64 + " config.json", "\x00" * 70],
    ids=ascii,
)
def test_a_line_that_sha256sum_would_not_write_is_refused(path: Path, line: str) -> None:
    text = (path / "SHA256SUMS").read_text()
    (path / "SHA256SUMS").write_text(f"{line}\n{text}")
    assert "line 1 of SHA256SUMS" in refused(path)


def test_a_file_that_is_listed_twice_is_refused(path: Path) -> None:
    lines = (path / "SHA256SUMS").read_text().splitlines(keepends=True)
    (path / "SHA256SUMS").write_text("".join([*lines, lines[0]]))
    assert "line 5 of SHA256SUMS" in refused(path)


def test_a_manifest_of_more_than_64_kib_is_not_read(path: Path) -> None:
    with (path / "SHA256SUMS").open("a") as manifest:
        manifest.write("\n" * 65_536)
    assert "it has more than 65536 bytes" in refused(path)


def linked(file: Path) -> None:
    kept = file.rename(file.parent.parent / "kept")
    file.symlink_to(kept)


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("name", ["config.json", "model.int8.onnx", "SHA256SUMS"])
@pytest.mark.parametrize("replaced", [linked, a_pipe, a_folder])
def test_a_link_a_pipe_and_a_folder_in_the_place_of_a_file_are_refused(
    path: Path, name: str, replaced: Callable[[Path], None]
) -> None:
    replaced(path / name)
    assert f"{name} is " in refused(path)


def test_a_link_to_the_whole_folder_is_served(path: Path) -> None:
    (path.parent / "link").symlink_to(path)
    assert open_model_folder(path.parent / "link").model_id == "tiny-1"


def test_the_code_has_the_digest_of_the_bundled_manifest() -> None:
    assert digest(BUNDLED_MODEL / "SHA256SUMS") == BUNDLED_MANIFEST_SHA256


def test_the_bundled_folder_with_another_manifest_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_model_folder(path).model_id == "tiny-1"
    monkeypatch.setattr(model_folder, "BUNDLED_MODEL", path)
    assert "SHA256SUMS is not that of the model of this release" in refused(path)
