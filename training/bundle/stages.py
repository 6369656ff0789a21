"""The stages that make the bundled model, with the recipe of each: the only place of these numbers.

A teacher on a large base learns the data sets. The first stage trains the small base on labels and teacher. Each seed
continues from the first stage with a lower learning rate. The mean of the seeds' weights, interpolated towards the
first stage as far as validation requires, is exported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from training.data.data_file import BUNDLED_DATA
from training.learn.recipe import MINILM, MPNET, Recipe
from tweets.emotions import EMOTIONS


@dataclass(frozen=True, slots=True)
class Stage:
    """One training run."""

    run: str
    """The name of the run's folder."""
    base: str
    """A base, or the run of an earlier stage."""
    recipe: Recipe
    teachers: tuple[str, ...] = ()
    """Runs of earlier stages."""
    served: bool = True
    """Whether a worker could serve the run; False for a teacher."""
    data: Path = BUNDLED_DATA
    """The file of the data sets."""


@dataclass(frozen=True, slots=True)
class Stages:
    """All runs in their order, the runs whose weights are averaged, and the run towards which they are interpolated."""

    runs: Sequence[Stage]
    averaged: tuple[str, ...]
    towards: str
    released: str = "released"
    """The name of the averaged run's folder."""
    labels: tuple[str, ...] = EMOTIONS


VOCABULARY_ROWS: Final = 19_500
"""Rows of the embedding table: the 19,000 tokens of the training texts, and the most frequent others."""

_TEACHER: Final = "teacher"
_FIRST_STAGE: Final = "first-stage"
_SEEDS: Final = (13, 14, 15)

_TEACHER_RECIPE: Final = Recipe(
    epochs=3, learning_rate=4e-5, layer_decay=0.9, label_smoothing=0.05, r_drop=0.0, shifted=0.25, unannounced=0.15
)
_FIRST_RECIPE: Final = Recipe(
    epochs=6, learning_rate=2e-4, shifted=0.1, unannounced=0.0, teacher_share=0.5, teacher_temperature=2.0, seed=7
)
_SECOND_RECIPE: Final = Recipe(
    epochs=2, learning_rate=5e-5, shifted=0.35, unannounced=0.15, teacher_share=0.5, teacher_temperature=2.0
)


def bundled_stages() -> Stages:
    """Return the stages of the bundled model."""
    teacher = Stage(_TEACHER, MPNET, _TEACHER_RECIPE, served=False)
    first = Stage(_FIRST_STAGE, MINILM, _FIRST_RECIPE, (_TEACHER,))
    seeds = [Stage(f"seed-{seed}", _FIRST_STAGE, replace(_SECOND_RECIPE, seed=seed), (_TEACHER,)) for seed in _SEEDS]
    return Stages((teacher, first, *seeds), averaged=tuple(stage.run for stage in seeds), towards=_FIRST_STAGE)
