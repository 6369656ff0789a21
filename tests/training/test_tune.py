"""`tune`: the results of a search, how a search is continued, and what is refused."""

import json
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.training.moods import MakeDataset, rows_of
from training.__main__ import main
from training.learn.fit import Task
from training.learn.recipe import Recipe
from training.output.errors import TrainingError
from training.tune.hyperparameters import NAMES, bundled_values, recipe_of, suggested, train_command
from training.tune.study import STUDY_FILE, importances, only_user, open_study, sampler_of_next_trial
from training.tune.trials import report_epoch

RATE = 5e-3
IDENTITY = {"base": "tiny", "epochs": 2}


@pytest.fixture(autouse=True)
def rate_for_a_tiny_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a learning rate at which a tiny base of random weights learns."""
    monkeypatch.setattr("training.tune.trials.suited_learning_rate", lambda model: RATE)


def last_line(text: str) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(text.splitlines()[-1])
    return summary


def tune(output: Path, dataset: str, base: str, *more: str) -> int:
    where = ["--dataset", dataset, "--base", base, "--output", str(output)]
    return main(["tune", *where, "--trials", "3", "--epochs", "2", *more])


def hyperparameters_of(output: Path) -> list[dict[str, Any]]:
    """Return the hyperparameters of the finished trials."""
    trials = json.loads((output / "report.json").read_text())["trials"]
    return [trial["knobs"] for trial in trials if trial["state"] in ("complete", "pruned")]


# The command.


def test_a_search_reports_its_trials_and_the_command_that_repeats_the_best_one(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "tuned"
    assert tune(output, moods, tiny_base) == 0
    printed = capsys.readouterr().out
    summary = last_line(printed)
    assert summary["trials"] == {"complete": 3}
    assert set(summary["best_knobs"]) == set(NAMES)
    values = {trial["value"] for trial in json.loads((output / "report.json").read_text())["trials"]}
    assert sum(summary["importances"].values()) == pytest.approx(int(len(values) > 1), abs=1e-3)
    assert summary["pictures"] == ["history.png", *(["importance.png"] if summary["importances"] else [])]
    assert {path.name for path in output.iterdir()} == {STUDY_FILE, "report.json", "SHA256SUMS", *summary["pictures"]}
    assert summary["command"] in printed

    report = json.loads((output / "report.json").read_text())
    assert [trial["state"] for trial in report["trials"]] == ["complete"] * 3
    assert max(trial["value"] for trial in report["trials"]) == pytest.approx(summary["best_value"], abs=1e-6)
    assert hyperparameters_of(output)[0] == bundled_values(RATE)

    repeated = shlex.split(summary["command"])[3:]
    assert main([*repeated, "--run", str(tmp_path / "run"), "--no-export"]) == 0
    trained = last_line(capsys.readouterr().out)
    for figure in ("validation_accuracy", "validation_macro_f1"):
        assert trained[figure] == summary[figure]


def test_an_interrupted_search_continues_with_the_same_trials(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, interrupted = tmp_path / "whole", tmp_path / "interrupted"
    budget = ("--epochs", "1")
    assert tune(whole, moods, tiny_base, *budget) == 0
    assert tune(interrupted, moods, tiny_base, *budget, "--trials", "2") == 0
    study = optuna.load_study(study_name="training", storage=f"sqlite:///{interrupted / STUDY_FILE}")
    study.ask()  # as after kill -9: a trial that stays in the state RUNNING
    capsys.readouterr()

    assert tune(interrupted, moods, tiny_base, *budget) == 0
    captured = capsys.readouterr()
    assert "trial 2 was interrupted and does not count" in captured.err
    assert last_line(captured.out)["trials"] == {"complete": 3, "interrupted": 1}
    assert hyperparameters_of(interrupted) == hyperparameters_of(whole)


def test_a_finished_search_is_reported_without_further_trials(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    once = ("--trials", "1", "--epochs", "1")
    assert tune(tmp_path / "tuned", moods, tiny_base, *once) == 0
    first = last_line(capsys.readouterr().out)
    monkeypatch.setattr("training.tune.trials.fit", None)
    assert tune(tmp_path / "tuned", moods, tiny_base, *once) == 0
    captured = capsys.readouterr()
    assert last_line(captured.out) == first
    assert first["importances"] == {}
    assert first["pictures"] == ["history.png"]
    assert "importance unknown: too few complete trials" in captured.out


def test_the_study_of_another_search_is_refused_in_one_line(
    tmp_path: Path, moods: str, tiny_base: str, make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    once = ("--trials", "1", "--epochs", "1")
    assert tune(tmp_path / "tuned", moods, tiny_base, *once) == 0
    capsys.readouterr()
    assert tune(tmp_path / "tuned", moods, tiny_base, *once, "--seed", "5") == 2
    captured = capsys.readouterr()
    assert "other seed (13, now 5)" in captured.err
    assert captured.out == ""
    make_dataset(validation=rows_of(("glad", "low", "cross"), each=2))
    assert tune(tmp_path / "tuned", moods, tiny_base, *once) == 2
    assert "other data" in capsys.readouterr().err


def test_a_search_in_which_every_trial_fails_ends_with_the_reason(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TrainingError("the GPU is too small")

    monkeypatch.setattr("training.tune.trials.fit", refuse)
    assert tune(tmp_path / "tuned", moods, tiny_base) == 2
    captured = capsys.readouterr()
    assert captured.err.endswith("error: no trial is complete; reason of the last failure: the GPU is too small\n")
    assert "Traceback" not in captured.err


def test_a_base_that_does_not_exist_is_named(tmp_path: Path, moods: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(tmp_path / "tuned", moods, "/nowhere") == 2
    assert "no such folder" in capsys.readouterr().err


# Trials.


def test_a_trial_below_the_median_of_the_others_is_pruned(tmp_path: Path) -> None:
    study = open_study(tmp_path / STUDY_FILE, IDENTITY)

    def run_trial(trial: optuna.Trial, f1: float) -> float:
        for epoch in (1, 2):
            report_epoch(trial, {"epoch": epoch, "accuracy": f1, "macro_f1": f1}, epochs=2)
        return f1

    for f1 in (0.9, 0.9, 0.9, 0.9, 0.9, 0.2):
        study.optimize(partial(run_trial, f1=f1), n_trials=1)
    assert [trial.state for trial in study.trials][-2:] == [TrialState.COMPLETE, TrialState.PRUNED]
    assert len(study.trials[-1].user_attrs["epochs"]) == 1


# Hyperparameters.


def test_the_first_trial_is_the_bundled_models_recipe() -> None:
    assert recipe_of(bundled_values(2e-4), epochs=Recipe().epochs, seed=Recipe().seed) == Recipe()


def test_the_bundled_models_recipe_is_within_the_ranges_of_the_search() -> None:
    study = optuna.create_study()
    study.enqueue_trial(bundled_values(5e-5))
    assert suggested(study.ask(), 5e-5) == bundled_values(5e-5)


def test_the_command_is_quoted_for_a_shell() -> None:
    task = Task(
        dataset="my data",
        labels=None,
        add=None,
        base="minilm",
        normalizer="tweet-v1",
        name=None,
        vocabulary_rows=0,
        limit=100,
    )
    command = train_command(task, {"learning_rate": 0.0003, "batch_size": 16}, epochs=2, seed=7)
    assert command == (
        "python -m training train --dataset 'my data' --base minilm --add none --limit 100 --vocabulary-rows 0 "
        "--epochs 2 --seed 7 --learning-rate 0.0003 --batch-size 16"
    )


# The study.


def test_the_sampler_of_a_trial_depends_only_on_the_seed_and_the_trials_before(tmp_path: Path) -> None:
    study = open_study(tmp_path / STUDY_FILE, IDENTITY)
    drawn = []
    for _ in range(2):
        for _ in range(2):
            study.sampler = sampler_of_next_trial(study, 13)
            trial = study.ask()
            drawn.append(trial.suggest_float("x", 0, 1))
            study.tell(trial, state=TrialState.FAIL)
        study.tell(study.ask(), 0.5)
    assert drawn[0] == drawn[1] != drawn[2] == drawn[3]


def test_importance_needs_two_trials_of_different_values(tmp_path: Path) -> None:
    study = open_study(tmp_path / STUDY_FILE, IDENTITY)
    for value, known in ((0.5, False), (0.5, False), (0.9, True), (0.1, True)):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        study.tell(trial, value)
        assert bool(importances(study, 13)) is known


def test_a_file_that_is_not_a_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / STUDY_FILE).write_text("a shopping list, and certainly no database" * 50)
    with pytest.raises(TrainingError, match="cannot be used as a study"):
        open_study(tmp_path / STUDY_FILE, IDENTITY)


def test_two_searches_cannot_share_a_folder(tmp_path: Path) -> None:
    with only_user(tmp_path), pytest.raises(TrainingError, match="another search is running"), only_user(tmp_path):
        pass
    with only_user(tmp_path):
        pass
