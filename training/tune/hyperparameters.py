"""The hyperparameters of a search: their ranges, and their names on the command line of `train`."""

import shlex
from collections.abc import Mapping
from typing import Any, Final

from optuna import Trial

from training.learn.fit import Task
from training.learn.imbalance import Imbalance
from training.learn.recipe import Recipe

Hyperparameters = Mapping[str, Any]
"""Values of a recipe by the names of its fields."""

_STEPPED: Final = {
    "r_drop": (0.0, 2.0, 0.5),
    "label_smoothing": (0.0, 0.2, 0.05),
    "layer_decay": (0.7, 1.0, 0.05),
    "shifted": (0.0, 0.5, 0.05),
    "unannounced": (0.0, 0.5, 0.05),
}
"""Lowest value, highest value and step: values that a person would try, with those of the bundled recipe."""
_CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "ema_decay": (0.0, 0.9, 0.99, 0.998),
    "batch_size": (16, 32, 64),
    "imbalance": (str(Imbalance.NONE), str(Imbalance.CLASS_WEIGHTS)),
}
_RATE_DIVISOR, _RATE_FACTOR = 5, 4
"""The learning rate is between the rate that suits the base divided by 5, and 4 times that rate."""
NAMES: Final = ("learning_rate", *_STEPPED, *_CHOICES)


def bundled_values(suited_rate: float) -> dict[str, Any]:
    """Return the values of the bundled model's recipe with the learning rate that suits the base: the first trial."""
    recipe = Recipe().as_dict()
    return {name: recipe[name] for name in NAMES} | {"learning_rate": suited_rate, "imbalance": str(Imbalance.NONE)}


def suggested(trial: Trial, suited_rate: float) -> dict[str, Any]:
    """Return a trial's values, rounded to what a person would type. The learning rate is sampled on a log scale."""
    lowest, highest = suited_rate / _RATE_DIVISOR, suited_rate * _RATE_FACTOR
    rate = trial.suggest_float("learning_rate", lowest, highest, log=True)
    stepped = {
        name: round(trial.suggest_float(name, low, high, step=step), 4) for name, (low, high, step) in _STEPPED.items()
    }
    chosen = {name: trial.suggest_categorical(name, values) for name, values in _CHOICES.items()}
    return {"learning_rate": float(f"{rate:.2g}"), **stepped, **chosen}


def recipe_of(values: Hyperparameters, *, epochs: int, seed: int) -> Recipe:
    """Return the recipe with these values; all other fields are those of the bundled model's recipe."""
    return Recipe(**{**values, "imbalance": Imbalance(values["imbalance"]), "epochs": epochs, "seed": seed})


def train_command(task: Task, values: Hyperparameters, *, epochs: int, seed: int) -> str:
    """Return the `train` command that repeats a trial and writes its model, quoted for a shell."""
    options = {
        "dataset": task.dataset,
        "base": task.base,
        **({"add": "none"} if task.add is None else {}),
        **({} if task.limit is None else {"limit": task.limit}),
        "vocabulary_rows": task.vocabulary_rows,
        "epochs": epochs,
        "seed": seed,
        **values,
    }
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return shlex.join(["python", "-m", "training", "train", *words])
