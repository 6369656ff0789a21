"""`bundle`: make the bundled model from scratch, stage by stage; finished stages are kept."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.average.command import average
from training.bundle.clock import Clock
from training.bundle.stages import VOCABULARY_ROWS, Mean, Stage, Stages, bundled_stages
from training.export.command import export
from training.export.measured import CardReferences
from training.learn.fit import Task
from training.learn.recipe import MPNET, Recipe
from training.output.own_folder import MODEL_FOLDER, own_files
from training.output.progress import say
from training.train.command import train


@dataclass(frozen=True, slots=True)
class BundlePlan:
    """Where the data is, where the runs and the model go, and the limits of a quick try."""

    data_root: str
    runs: Path
    model: Path
    teacher_base: str
    """The base of the teachers."""
    limit: int | None
    """Training rows of each data set; None: all."""
    epochs: int | None
    """Epochs of each stage; None: those of its recipe."""
    before: Path | None
    """The model folder whose scores the card shows beside those of the new model."""
    note: tuple[str, ...]
    """Sentences for the card."""


def bundle(plan: BundlePlan, stages: Stages | None = None) -> dict[str, Any]:
    """Run the stages that are not finished, export the model, and return the summary of the export.

    A stage is finished if its run has the same arguments, data and versions; an interrupted stage resumes from its
    checkpoint. `stages` None are those of the bundled model. Raises TrainingError if a stage cannot be run.
    """
    stages = stages or bundled_stages()
    own_files(plan.model, MODEL_FOLDER)  # fail before training, not after
    clock = Clock(plan.runs, [step.run for step in stages.steps])
    for number, step in enumerate(stages.steps, start=1):
        say(f"stage {number} of {len(stages.steps) + 1}: {step.run}")
        with clock.of(step.run):
            if isinstance(step, Mean):
                of = [plan.runs / run for run in step.of]
                average(of, plan.runs / step.run, towards=plan.runs / step.towards, share=step.share, again=False)
            else:
                task, recipe = _task(plan, stages, step), _recipe(plan, step)
                train(task, recipe, plan.runs / step.run, served=step.served, again=False)
    say(f"stage {len(stages.steps) + 1} of {len(stages.steps) + 1}: export")
    references = CardReferences(before=plan.before, notes=plan.note, last_note=clock.sentence_at_the_end_of("export"))
    summary = export(plan.runs / stages.steps[-1].run, plan.model, comparisons=references)
    return {**summary, "seconds": clock.seconds}


def _task(plan: BundlePlan, stages: Stages, stage: Stage) -> Task:
    earlier = [one.run for one in stages.steps]
    base = plan.teacher_base if stage.base == MPNET else stage.base
    return Task(
        dataset="",
        labels=stages.labels,
        add=None,
        base=str(plan.runs / base) if base in earlier else base,
        normalizer=stages.normalizer,
        name=None,
        vocabulary_rows=VOCABULARY_ROWS,
        limit=plan.limit,
        data=str(stage.data),
        data_root=plan.data_root,
        teacher=tuple(str(plan.runs / teacher) for teacher in stage.teachers),
    )


def _recipe(plan: BundlePlan, stage: Stage) -> Recipe:
    return stage.recipe if plan.epochs is None else replace(stage.recipe, epochs=plan.epochs)
