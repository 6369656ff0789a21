"""The export into the folder of the bundled model writes the digest of the new manifest into the code."""

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.training.test_run_folder import tiny_run
from training.__main__ import main
from training.data.learning_data import read_learning_data
from training.export import int8
from training.export.pinned import pin_bundled_model
from training.learn.run_folder import write_run
from training.output.own_folder import RUN_FOLDER
from training.output.whole_folder import whole_folder
from worker.inference import bundled

CODE = Path(bundled.__file__)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a copy be the module, and `bundled` in the test's folder the bundled model."""
    copy = Path(shutil.copy(CODE, tmp_path / "bundled.py"))
    monkeypatch.setattr(bundled, "__file__", str(copy))
    monkeypatch.setattr("training.export.pinned.BUNDLED_MODEL", tmp_path / "bundled")
    return copy


@pytest.mark.slow
def test_an_export_into_the_bundled_folder_rewrites_the_digest(
    tmp_path: Path, code: Path, moods: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "MIN_LABEL_AGREEMENT", 0.0)
    monkeypatch.setattr(int8, "MAX_MACRO_F1_LOST", 1.0)
    with whole_folder(tmp_path / "run", replaces=RUN_FOLDER) as made:
        run = tiny_run(dataset=moods)
        run.record["data"] = read_learning_data(moods, run.labels, add=None, limit=None).digests()
        write_run(made, run)
    before = code.read_text()
    for target in ("other", "bundled"):
        assert code.read_text() == before
        assert main(["export", "--run", str(tmp_path / "run"), "--model", str(tmp_path / target)]) == 0
    digest = hashlib.sha256((tmp_path / "bundled" / "SHA256SUMS").read_bytes()).hexdigest()
    assert code.read_text() == before.replace(bundled.BUNDLED_MANIFEST_SHA256, digest)


def test_a_link_to_the_bundled_folder_is_the_bundled_folder(tmp_path: Path, code: Path) -> None:
    (tmp_path / "bundled").mkdir()
    (tmp_path / "bundled" / "SHA256SUMS").write_text("new")
    (tmp_path / "link").symlink_to(tmp_path / "bundled")
    pin_bundled_model(tmp_path / "link")
    assert hashlib.sha256(b"new").hexdigest() in code.read_text()
