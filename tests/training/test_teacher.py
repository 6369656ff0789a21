"""A run learns the probabilities of teachers too: the loss, the soft labels and their file, and the packaged base."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.mixed import LABELS, two_data_sets
from tests.training.moods import MakeBase
from tests.training.test_neutral import RECIPE, targets
from training.__main__ import main
from training.learn import packaged, teacher
from training.learn.base import load_base
from training.learn.loss import batch_loss
from training.learn.recipe import MPNET, Recipe
from training.learn.teacher import soft_labels
from training.output.errors import TrainingError

# The loss.


def test_the_loss_is_a_share_of_the_label_and_of_the_teacher_at_its_temperature() -> None:
    logits, teacher_logits = torch.tensor([[1.0, 0.0, 2.0]]), torch.tensor([[0.0, 3.0, 1.0]])
    soft = teacher_logits.log_softmax(dim=1)
    recipe = Recipe(r_drop=0.0, teacher_share=0.3, teacher_temperature=2.0)
    found = batch_loss(recipe, None)(logits, targets([[1.0, 0, 0]], knows=[True], teacher=soft))
    goal, given = (teacher_logits / 2).softmax(dim=1), (logits / 2).softmax(dim=1)
    distance = (goal * (goal / given).log()).sum()
    label = -logits.log_softmax(dim=1)[0, 0]
    assert torch.isclose(found, 0.7 * label + 0.3 * 4 * distance)


def test_a_row_without_a_label_learns_from_the_teacher_alone_and_all_rows_learn_neutral_from_it() -> None:
    logits = torch.tensor([[1.0, 0.0, 2.0], [1.0, 0.0, 2.0]], requires_grad=True)
    soft = torch.tensor([[0.0, 3.0, 1.0], [1.0, 0.0, 2.0]]).log_softmax(dim=1)
    recipe = Recipe(r_drop=0.0, teacher_share=0.5, teacher_temperature=1.0)
    loss = batch_loss(recipe, None)(logits, targets([[1.0, 0, 0], [0, 0, 0]], knows=[False, True], teacher=soft))
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad[0, 2] != 0
    assert torch.allclose(logits.grad[1], torch.zeros(3), atol=1e-6)  # the teacher agrees, and no label objects


# The soft labels.


@pytest.fixture
def arguments(tmp_path: Path, tiny_base: str) -> list[str]:
    """Write the data sets and return the arguments that all runs share."""
    file = two_data_sets(tmp_path)
    where = ["--data", str(file), "--data-root", str(tmp_path), "--labels", ",".join(LABELS)]
    return ["train", *where, "--base", tiny_base, "--no-export", *RECIPE]


@pytest.fixture
def teachers(tmp_path: Path, arguments: list[str]) -> list[Path]:
    """Train two teachers."""
    folders = [tmp_path / f"teacher-{seed}" for seed in (1, 2)]
    for seed, folder in enumerate(folders, start=1):
        assert main([*arguments, "--seed", str(seed), "--run", str(folder)]) == 0
    return folders


def test_a_student_learns_from_two_teachers_and_texts_without_a_usable_label_take_part(
    tmp_path: Path, arguments: list[str], teachers: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    student = [*arguments, "--teacher", ",".join(map(str, teachers)), "--run", str(tmp_path / "student")]
    assert main(student) == 0
    lines = capsys.readouterr().err
    assert "120 of comments" in lines  # with the rows whose label is skipped
    assert lines.count("labels 180 texts") == 2
    record = json.loads((tmp_path / "student" / "run.json").read_text())
    assert [one["name"] for one in record["teachers"]] == ["emotion-base", "emotion-base"]
    kept = sorted(tmp_path.glob("soft-labels-*.npy"))
    assert len(kept) == 2
    assert all(np.load(file).dtype == np.float16 and np.load(file).shape == (180, 4) for file in kept)
    assert main([*student, "--seed", "5"]) == 0
    assert capsys.readouterr().err.count("are read from") == 2


def test_the_soft_labels_are_the_mean_of_the_probabilities(
    tmp_path: Path, teachers: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"teacher-1": [0.8, 0.1, 0.05, 0.05], "teacher-2": [0.2, 0.5, 0.05, 0.25]}
    monkeypatch.setattr(
        teacher, "_of_teacher", lambda folder, *_, **__: np.log([given[folder.name]]).astype(np.float16)
    )
    found = soft_labels(teachers, ["text"], LABELS, neutral=True, kept_in=tmp_path)
    assert np.allclose(np.exp(found.logs.astype(np.float32)), [[0.5, 0.3, 0.05, 0.15]], atol=1e-3)


def test_a_teacher_with_other_outputs_is_refused(
    tmp_path: Path, moods: str, tiny_base: str, teachers: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--dataset", moods, "--base", tiny_base, "--no-export", *RECIPE, "--run", str(tmp_path / "student")]
    assert main(["train", *where, "--teacher", str(teachers[0])]) == 2
    assert "the teacher's outputs are glad, low, cross and neutral, but the model's are glad, low, cross;" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "student").exists()


def test_a_teacher_that_is_no_run_is_refused(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--teacher", str(tmp_path / "none"), "--run", str(tmp_path / "student")]) == 2
    assert "not a training run" in capsys.readouterr().err.splitlines()[-1]


# The packaged base.


def test_mpnet_without_its_packages_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "_MPNET_PACKAGES", ("no-such-package",))
    with pytest.raises(TrainingError, match=r"the package no-such-package is missing; run pip install '\.\[teacher\]'"):
        load_base(MPNET, LABELS)


def test_mpnet_is_the_archive_that_the_parts_form(make_base: MakeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(make_base(dim=32, hidden_dim=64, n_layers=1, n_heads=4, max_position_embeddings=64))
    archive = zipped(folder)
    parts = {"one": archive[:5000], "two": archive[5000:]}
    monkeypatch.setattr(packaged, "_MPNET_PACKAGES", tuple(parts))
    monkeypatch.setattr(packaged, "_mpnet_part", parts.__getitem__)
    base = load_base(MPNET, LABELS)
    assert (base.name, base.model.config.num_labels) == (MPNET, 3)


def zipped(folder: Path) -> bytes:
    """Return an archive with the files of a folder in a folder of its own, as the packages have it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"all-mpnet-base-v2/{file.name}")
    return packed.getvalue()


def test_a_base_that_no_worker_can_serve_becomes_a_teacher_only(
    tmp_path: Path, arguments: list[str], tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Path(tiny_base) / "config.json"
    config.write_text(config.read_text().replace('"pad_token_id": 0', '"pad_token_id": 1'))
    served = [argument for argument in arguments if argument != "--no-export"]
    assert main([*served, "--run", str(tmp_path / "run")]) == 2
    assert "give --no-export if the run becomes a teacher" in capsys.readouterr().err
    assert main([*arguments, "--run", str(tmp_path / "run")]) == 0
    assert main(["export", "--run", str(tmp_path / "run")]) == 2
    assert "the model pads with id 1" in capsys.readouterr().err
