"""Pictures of a search: the values of the trials, and the importance of each hyperparameter."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial, TrialState

from training.output.pictures import label_bars, picture
from training.tune.trials import best_epoch, value_of

_GREY = "#888888"


def draw_history(trials: Sequence[FrozenTrial], path: Path) -> None:
    """Draw the value of each finished trial, and the best value so far."""
    numbers = [trial.number for trial in trials]
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    pruned = [trial for trial in trials if trial.state is TrialState.PRUNED]
    best = max(complete, key=_value)
    with picture(path, size=(8, 4.2)) as (figure, axes):
        so_far = list(accumulate((_value(trial) if trial in complete else 0.0 for trial in trials), max))
        axes.step(numbers, so_far, where="post", color="#d55e00", label="best so far")
        _draw_trials(axes, complete, "o", color="#0072b2", label="complete")
        if pruned:
            _draw_trials(axes, pruned, "x", color=_GREY, label="pruned")
        axes.set(title=f"{len(trials)} trials on validation, best: trial {best.number} ({_value(best):.4f})")
        axes.set(xlabel="trial (the first is the bundled model's recipe)", ylabel="(accuracy + macro F1) / 2")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        figure.legend(frameon=False, loc="outside lower center", ncols=3)


def _draw_trials(axes: Any, trials: Sequence[FrozenTrial], marker: str, *, color: str, label: str) -> None:
    axes.plot([trial.number for trial in trials], list(map(_value, trials)), marker, color=color, label=label)


def _value(trial: FrozenTrial) -> float:
    return value_of(best_epoch(trial))


def draw_importances(found: Mapping[str, float], best: Mapping[str, Any], path: Path, *, complete: int) -> None:
    """Draw the importance of each hyperparameter, with its value in the best trial, from `complete` complete trials."""
    names = [f"{name.replace('_', ' ')} (best {best[name]})" for name in found]
    with picture(path, size=(8, 1.2 + 0.34 * len(found))) as (_, axes):
        axes.barh(names, list(found.values()), height=0.6, color="#009e73")
        axes.set(
            title=f"Importance of the hyperparameters, from {complete} complete trials",
            xlabel="relative importance (all hyperparameters together: 1)",
        )
        axes.margins(x=0.1)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        label_bars(axes)
