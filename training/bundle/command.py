"""`bundle`: make the bundled model from scratch, stage by stage; finished stages are kept."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from training.average.command import average
from training.bundle.stages import VOCABULARY_ROWS, Stage, Stages, bundled_stages
from training.export.command import export
from training.export.measured import CardReferences
from training.learn.fit import Task
from training.learn.recipe import MPNET, NORMALIZER, Recipe
from training.output.json_file import write_json
from training.output.progress import say
from training.output.provenance import provenance
from training.output.whole_folder import require_replaceable
from training.train.command import train
from worker.inference.model_folder import MANIFEST

SECONDS_FILE: Final = "bundle.json"
"""Beside the runs: the seconds of each stage, over all interrupted and resumed calls."""


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
    require_replaceable(plan.model, replaces=MANIFEST)
    clock = _Clock(plan.runs / SECONDS_FILE)
    for number, stage in enumerate(stages.runs, start=1):
        say(f"stage {number} of {len(stages.runs) + 2}: {stage.run}")
        with clock.of(stage.run):
            train(
                _task(plan, stages, stage),
                _recipe(plan, stage),
                plan.runs / stage.run,
                served=stage.served,
                again=False,
            )
    say(f"stage {len(stages.runs) + 1} of {len(stages.runs) + 2}: {stages.released}")
    released = plan.runs / stages.released
    with clock.of(stages.released):
        average([plan.runs / run for run in stages.averaged], released, towards=plan.runs / stages.towards, again=False)
    say(f"stage {len(stages.runs) + 2} of {len(stages.runs) + 2}: export")
    references = CardReferences(before=plan.before, notes=(*plan.note, clock.sentence()))
    summary = export(released, plan.model, comparisons=references)
    return {**summary, "seconds": clock.seconds}


def _task(plan: BundlePlan, stages: Stages, stage: Stage) -> Task:
    earlier = [one.run for one in stages.runs]
    base = plan.teacher_base if stage.base == MPNET else stage.base
    return Task(
        dataset="",
        labels=stages.labels,
        add=None,
        base=str(plan.runs / base) if base in earlier else base,
        normalizer=NORMALIZER,
        name=None,
        vocabulary_rows=VOCABULARY_ROWS,
        limit=plan.limit,
        data=str(stage.data),
        data_root=plan.data_root,
        teacher=tuple(str(plan.runs / teacher) for teacher in stage.teachers),
    )


def _recipe(plan: BundlePlan, stage: Stage) -> Recipe:
    return stage.recipe if plan.epochs is None else replace(stage.recipe, epochs=plan.epochs)


class _Clock:
    """The seconds of each stage, kept in a file, so that the time of an interrupted stage counts too."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.seconds: dict[str, float] = {}
        if file.is_file():
            self.seconds = json.loads(file.read_text(encoding="utf-8"))["seconds"]

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to those of the stage."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.monotonic() - began_s, 1)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._file, {"seconds": self.seconds, "hardware": provenance()["hardware"]})

    def sentence(self) -> str:
        """Return a sentence with the time of all stages, for the card."""
        hardware = provenance()["hardware"]
        machine = ", ".join(hardware["gpus"]) or f"{hardware['cores']} cores of {hardware['cpu']}"
        each = ", ".join(f"{stage} {seconds:,.0f} s" for stage, seconds in self.seconds.items())
        return f"`make train` took {sum(self.seconds.values()):,.0f} s before the export ({each}) on {machine}."
