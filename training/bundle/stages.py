"""The stages that make the bundled model, with the recipe of each: the only place of these numbers.

A teacher on a large base learns the data sets. The first stage trains the small base on labels and teacher, and is
right about texts of all data sets. The last stage continues from it with fewer comments and the first stage as teacher,
which brings it nearer to the first data set. Half way between the two is the released model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from training.data.data_file import BUNDLED_DATA, BUNDLED_LAST_DATA
from training.learn.recipe import MINILM, MPNET, NORMALIZER, Recipe
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
class Mean:
    """The mean of the weights of earlier stages, interpolated towards another one."""

    run: str
    """The name of the run's folder."""
    of: tuple[str, ...]
    towards: str
    share: float | None = None
    """The share of the mean; None: as small as validation allows."""


@dataclass(frozen=True, slots=True)
class Stages:
    """All steps in their order; the run of the last step is exported."""

    steps: Sequence[Stage | Mean]
    labels: tuple[str, ...] = EMOTIONS
    normalizer: str = NORMALIZER


VOCABULARY_ROWS: Final = 19_700
"""Rows of the embedding table: the 19,560 tokens of the training texts, and the most frequent others."""

_TEACHER: Final = "teacher"
_FIRST_STAGE: Final = "first-stage"
_LAST_STAGE: Final = "last-stage"
_RELEASED: Final = "released"

_TEACHER_RECIPE: Final = Recipe(
    epochs=2, learning_rate=5e-5, batch_size=64, r_drop=0.0, ema_decay=0.999, shifted=0.25, unannounced=0.05
)
# A second view of each row (R-Drop) doubles the time, and beside a teacher it brought nothing.
_FIRST_RECIPE: Final = Recipe(
    epochs=6,
    learning_rate=2e-4,
    batch_size=128,
    r_drop=0.0,
    shifted=0.35,
    unannounced=0.15,
    teacher_share=0.5,
    teacher_temperature=1.0,
    seed=7,
)
_LAST_RECIPE: Final = replace(_FIRST_RECIPE, epochs=1, learning_rate=5e-5, batch_size=32, seed=13)


def bundled_stages() -> Stages:
    """Return the stages of the bundled model."""
    teacher = Stage(_TEACHER, MPNET, _TEACHER_RECIPE, served=False)
    first = Stage(_FIRST_STAGE, MINILM, _FIRST_RECIPE, (_TEACHER,))
    last = Stage(_LAST_STAGE, _FIRST_STAGE, _LAST_RECIPE, (_FIRST_STAGE,), data=BUNDLED_LAST_DATA)
    return Stages((teacher, first, last, Mean(_RELEASED, (_LAST_STAGE,), towards=_FIRST_STAGE, share=0.5)))
