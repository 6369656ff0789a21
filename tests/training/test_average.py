"""Runs of one recipe with different seeds become one run with the mean of their weights."""

import json
from pathlib import Path

import pytest
import torch

from tests.training.test_commands import PLAIN
from training.__main__ import main
from training.learn.run_folder import read_run


@pytest.fixture
def first(tmp_path: Path, moods: str, tiny_base: str) -> Path:
    run = tmp_path / "first"
    trained(run, moods, base=tiny_base, seed=1)
    return run


def trained(run: Path, moods: str, *, base: str | Path, seed: int, more: tuple[str, ...] = ()) -> Path:
    common = ["train", "--dataset", moods, "--learning-rate", "1e-3", "--batch-size", "8", "--epochs", "1", *PLAIN]
    assert main([*common, "--base", str(base), "--seed", str(seed), "--run", str(run), "--no-export", *more]) == 0
    return run


def test_the_mean_of_several_seeds_is_a_run_that_can_be_exported(
    tmp_path: Path, moods: str, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = [trained(tmp_path / f"seed-{seed}", moods, base=first, seed=seed) for seed in (2, 3, 4)]
    capsys.readouterr()
    assert main(["average", *map(str, seeds), "--towards", str(first), "--run", str(tmp_path / "mean")]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["seeds"] == [2, 3, 4]

    weights = [read_run(folder).model.state_dict()["classifier.weight"] for folder in seeds]
    mean = read_run(tmp_path / "mean")
    assert not torch.equal(weights[0], weights[1])
    assert mean.record["started_from"]["recipe"]["seed"] == 1
    share = mean.record["averaged"]["share"]
    start = read_run(first).model.state_dict()["classifier.weight"]
    between = torch.lerp(start, sum(weights, torch.zeros(())) / 3, share)
    assert torch.allclose(mean.model.state_dict()["classifier.weight"], between)

    assert main(["export", "--run", str(tmp_path / "mean"), "--model", str(tmp_path / "model")]) == 0
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    spent = [read_run(folder).record["training_seconds"] for folder in seeds]
    assert metrics["run"]["training_seconds"] == pytest.approx(sum(spent), abs=0.05)
    assert [one["seed"] for one in metrics["seeds"]] == [2, 3, 4]
    card = (tmp_path / "model" / "README.md").read_text()
    assert "First stage" in card
    assert "the mean of the weights of 3 seeds" in card
    assert "interpolated alone" in card
    assert "mean ± standard deviation" in card


@pytest.mark.parametrize(
    ("more", "seed", "expected"),
    [
        ((), 2, "another run has seed 2 too"),
        (("--weight-decay", "0.5"), 3, "trained with another recipe"),
    ],
)
def test_runs_with_another_recipe_or_the_same_seed_are_refused(
    tmp_path: Path,
    moods: str,
    first: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    seed: int,
    expected: str,
) -> None:
    one = trained(tmp_path / "one", moods, base=first, seed=2)
    other = trained(tmp_path / "other", moods, base=first, seed=seed, more=more)
    assert main(["average", str(one), str(other), "--run", str(tmp_path / "mean")]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


def test_towards_refuses_a_folder_that_the_runs_did_not_start_from(
    tmp_path: Path, moods: str, tiny_base: str, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = (trained(tmp_path / f"{seed}", moods, base=first, seed=seed) for seed in (2, 3))
    assert main(["average", str(one), str(other), "--towards", str(one), "--run", str(tmp_path / "mean")]) == 2
    assert "the runs did not start from this folder" in capsys.readouterr().err


def test_runs_that_started_from_a_plain_base_are_refused(
    tmp_path: Path, moods: str, tiny_base: str, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = trained(tmp_path / "other", moods, base=tiny_base, seed=3)
    assert main(["average", str(first), str(other), "--run", str(tmp_path / "mean")]) == 2
    assert "started from a plain base" in capsys.readouterr().err


def test_a_share_without_a_start_is_refused(tmp_path: Path, first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["average", str(first), "--share", "0.5", "--run", str(tmp_path / "mean")]) == 2
    assert "--share needs --towards" in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()
