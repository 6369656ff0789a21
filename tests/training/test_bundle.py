"""All stages of the bundled model by one command, which keeps finished stages."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.mixed import LABELS, two_data_sets
from tests.training.test_fine_tuning import TooSmallMemory
from training.bundle.command import BundlePlan, bundle
from training.bundle.stages import Mean, Stage, Stages, bundled_stages
from training.cli.parser import parse
from training.data.data_file import BUNDLED_DATA, BUNDLED_LAST_DATA, read_data_file
from training.export import int8
from training.learn.recipe import MINILM, MPNET, Recipe
from training.output.errors import TrainingError
from worker.inference.classifier import load_classifier

RECIPE = Recipe(epochs=1, learning_rate=1e-3, batch_size=16, ema_decay=0.5, r_drop=0.0)


@pytest.fixture
def plan(tmp_path: Path) -> BundlePlan:
    """Plan a model in the test's folder."""
    return BundlePlan(
        data_root=str(tmp_path),
        runs=tmp_path / "runs",
        model=tmp_path / "made",
        teacher_base=MINILM,
        limit=None,
        epochs=None,
        before=None,
        note=("A sentence for the card.",),
    )


@pytest.fixture
def stages(tmp_path: Path, tiny_base: str, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """Make a teacher, a first stage, two seeds, their mean, a last stage that it teaches, and the weights between."""
    monkeypatch.setattr(int8, "MIN_LABEL_AGREEMENT", 0.5)
    monkeypatch.setattr(int8, "MIN_LABEL_AGREEMENT_OF_OTHERS", 0.5)
    monkeypatch.setattr(int8, "MAX_MACRO_F1_LOST", 1.0)
    monkeypatch.setattr(int8, "MAX_MACRO_F1_LOST_OF_OTHERS", 1.0)
    monkeypatch.setattr(int8, "MAX_NEUTRAL_DIFFERENCE", 1.0)
    data = two_data_sets(tmp_path)
    teacher = Stage("teacher", tiny_base, RECIPE, served=False, data=data)
    first = Stage("first", tiny_base, RECIPE, ("teacher",), data=data)
    seeds = [Stage(f"seed-{seed}", "first", replace(RECIPE, seed=seed), ("teacher",), data=data) for seed in (1, 2)]
    mean = Mean("general", ("seed-1", "seed-2"), towards="first")
    fewer = tmp_path / "fewer.yaml"
    fewer.write_text(data.read_text().replace("path: comments,", "path: comments, ratio: 0.5,"))
    last = Stage("last", "general", RECIPE, ("general",), data=fewer)
    half = Mean("released", ("last",), towards="general", share=0.5)
    return Stages((teacher, first, *seeds, mean, last, half), labels=LABELS)


def test_one_command_makes_the_model_and_the_same_command_keeps_finished_stages(
    plan: BundlePlan, stages: Stages, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = bundle(plan, stages)
    assert set(summary["seconds"]) == {"teacher", "first", "seed-1", "seed-2", "general", "last", "released"}
    record = json.loads((plan.runs / "general" / "run.json").read_text())
    assert record["recipe"]["seed"] == [1, 2]
    assert [one["name"] for one in record["teachers"]] == ["emotion-base"]
    assert json.loads((plan.runs / "released" / "run.json").read_text())["averaged"]["share"] == 0.5
    config = json.loads((plan.model / "config.json").read_text())
    assert set(config["neutral"]) == {"scale", "shift"}
    assert load_classifier(plan.model, engine="torch", device="cpu").classify(["so glad"])[0].neutral is not None
    metrics = json.loads((plan.model / "metrics.json").read_text())
    assert metrics["notes"][0] == "A sentence for the card."
    assert re.match(r"`make train` took .* s \(teacher .*, released \d+ s, export \d+ s\) on ", metrics["notes"][1])
    assert str(plan.data_root) not in (plan.model / "metrics.json").read_text()
    capsys.readouterr()
    assert bundle(plan, stages)["seconds"] == summary["seconds"]  # a kept run has the time of its training
    lines = capsys.readouterr().err
    assert lines.count("this run is finished and is kept") == 5
    assert lines.count("this mean is finished and is kept") == 2


def test_the_card_describes_every_stage_with_its_data_and_its_teacher(plan: BundlePlan, stages: Stages) -> None:
    bundle(plan, stages)
    text = (plan.model / "README.md").read_text()
    training = text.split("## Training\n")[1].split("\n## ")[0]
    teacher, general = [line for line in training.splitlines() if line.startswith("- Teacher")]
    assert teacher.startswith("- Teacher of the first and the second stage, not part of this model: base; epochs 1,")
    assert "Data sets and their ratio: `moods` 1, `comments` 1. Training time: " in teacher
    assert general.startswith("- Teacher of the third stage, not part of this model: emotion-base; epochs 1,")
    first, second, third = [line for line in training.splitlines() if " stage, `" in line or " stage, this" in line]
    for taught in (first, second):
        assert "teacher share 0.5, teacher temperature 2.0, " in taught
        assert "Data sets and their ratio: `moods` 1, `comments` 1." in taught
    assert "seeds 1, 2." in second
    assert "Averaging: the weights are the mean of the weights of 2 seeds (model soup). Interpolation" in second
    assert "on validation is not below that of the first stage." in second
    assert third.startswith("- Third stage, this model: training starts from the weights of the second stage")
    assert third.endswith("Data sets and their ratio: `moods` 1, `comments` 0.5.")
    assert "50% of the trained weights and 50% of the weights of the start model" in training
    assert str(plan.data_root) not in text


def test_finished_stages_are_kept_under_another_path_of_their_folder(
    plan: BundlePlan, stages: Stages, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle(plan, stages)
    (plan.runs.parent / "link").symlink_to(plan.runs)
    capsys.readouterr()
    bundle(replace(plan, runs=plan.runs.parent / "link"), stages)
    assert capsys.readouterr().err.count("is finished and is kept") == 7


def test_an_interrupted_stage_is_the_next_one_that_runs(
    plan: BundlePlan, stages: Stages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = list(stages.steps)
    assert isinstance(steps[2], Stage)
    steps[2] = replace(steps[2], base="/nowhere")
    with pytest.raises(TrainingError, match="nowhere"):
        bundle(plan, replace(stages, steps=steps))
    assert not plan.model.exists()
    TooSmallMemory(monkeypatch, rows=0)
    capsys.readouterr()
    with pytest.raises(TrainingError, match="does not hold 1 rows"):  # the first stage that is not finished trains
        bundle(plan, stages)
    assert capsys.readouterr().err.count("this run is finished and is kept") == 2


def test_another_recipe_trains_a_stage_and_those_after_it_again(
    plan: BundlePlan, stages: Stages, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle(plan, stages)
    steps = [
        replace(one, recipe=replace(one.recipe, learning_rate=2e-3))
        if isinstance(one, Stage) and one.run == "first"
        else one
        for one in stages.steps
    ]
    capsys.readouterr()
    bundle(plan, replace(stages, steps=steps))
    lines = capsys.readouterr().err
    assert lines.count("this run is finished and is kept") == 1
    assert "teacher: this run is finished" in lines


def test_the_bundled_model_has_a_teacher_that_is_not_served_and_a_last_stage_that_learns_from_the_first() -> None:
    stages = bundled_stages()
    teacher, first, last, released = stages.steps
    assert isinstance(teacher, Stage)
    assert isinstance(first, Stage)
    assert isinstance(last, Stage)
    assert (teacher.base, teacher.served, first.base) == (MPNET, False, MINILM)
    assert first.teachers == (teacher.run,)
    assert (last.base, last.teachers) == (first.run, (first.run,))
    assert released == Mean("released", (last.run,), towards=first.run, share=0.5)


def test_the_documentation_lists_the_stages_in_their_order() -> None:
    text = (Path(__file__).parents[2] / "docs" / "training" / "bundle.md").read_text(encoding="utf-8")
    names = [re.sub(r"-\d+$", "-…", step.run) for step in bundled_stages().steps]
    assert re.findall(r"^\d+\. `(.+?)`:", text, re.M) == list(dict.fromkeys(names))


def test_the_last_stage_has_the_mapping_of_the_others() -> None:
    both = [{spec.path: spec.labels for spec in read_data_file(file)} for file in (BUNDLED_DATA, BUNDLED_LAST_DATA)]
    assert both[0] == both[1]


def test_the_small_budget_needs_no_packages_of_the_teacher() -> None:
    options = parse(["bundle", "--budget", "small"])
    assert (options.teacher_base, options.limit, options.epochs) == (MINILM, 200, 1)
