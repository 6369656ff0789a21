"""The knobs that a search turns, how far, and what they are called on the command line of `train`."""

import shlex
from collections.abc import Mapping
from typing import Any, Final

from optuna import Trial

from training.learn.fit import Task
from training.learn.imbalance import Imbalance
from training.learn.recipe import Recipe

Knobs = Mapping[str, Any]
"""Values of a recipe by their names."""

_STEPPED: Final = {
    "r_drop": (0.0, 2.0, 0.5),
    "label_smoothing": (0.0, 0.2, 0.05),
    "layer_decay": (0.7, 1.0, 0.05),
    "shifted": (0.0, 0.5, 0.05),
    "unannounced": (0.0, 0.5, 0.05),
}
"""Least, most, step."""
_CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "ema_decay": (0.0, 0.9, 0.99, 0.998),
    "batch_size": (16, 32, 64),
    "imbalance": (str(Imbalance.NONE), str(Imbalance.CLASS_WEIGHTS)),
}
NAMES: Final = ("learning_rate", *_STEPPED, *_CHOICES)


def bundled_knobs(suited_rate: float) -> dict[str, Any]:
    """Return the bundled model's recipe, at the rate that suits the base: where a search starts."""
    recipe = Recipe().as_dict()
    return {name: recipe[name] for name in NAMES} | {"learning_rate": suited_rate, "imbalance": str(Imbalance.NONE)}


def suggested(trial: Trial, suited_rate: float) -> dict[str, Any]:
    """Return a trial's knobs, rounded to what a person would type.

    The learning rate is sought from a fifth to four times of the one that suits the base, by its logarithm.
    """
    rate = trial.suggest_float("learning_rate", suited_rate / 5, suited_rate * 4, log=True)
    stepped = {
        name: round(trial.suggest_float(name, least, most, step=step), 4)
        for name, (least, most, step) in _STEPPED.items()
    }
    chosen = {name: trial.suggest_categorical(name, values) for name, values in _CHOICES.items()}
    return {"learning_rate": float(f"{rate:.2g}"), **stepped, **chosen}


def recipe_of(knobs: Knobs, *, epochs: int, seed: int) -> Recipe:
    """Return the recipe with these knobs, all others as the bundled model has them."""
    return Recipe(**{**knobs, "imbalance": Imbalance(knobs["imbalance"]), "epochs": epochs, "seed": seed})


def train_command(task: Task, knobs: Knobs, *, epochs: int, seed: int) -> str:
    """Return the command that repeats a trial and keeps its model, quoted for a shell."""
    options = {
        "dataset": task.dataset,
        "base": task.base,
        **({"add": "none"} if task.add is None else {}),
        **({} if task.limit is None else {"limit": task.limit}),
        "vocabulary_rows": task.vocabulary_rows,
        "epochs": epochs,
        "seed": seed,
        **knobs,
    }
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return shlex.join(["python", "-m", "training", "train", *words])
