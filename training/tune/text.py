"""The printed report of `tune`: trials, best hyperparameters with their importance, and the command for a model."""

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial

from training.tune.trials import EPOCHS, HYPERPARAMETERS, best_epoch, state_of, value_of


def described(trials: Sequence[FrozenTrial], best: FrozenTrial, found: Mapping[str, float], *, command: str) -> str:
    """Return the printed report; `found` are the importances, empty if they cannot be computed."""
    return "\n\n".join([_trials(trials), _best_values(best, found), f"Command that makes this model:\n{command}"])


def _trials(trials: Sequence[FrozenTrial]) -> str:
    lines = [f"{'trial':>5}  {'state':11}  {'value':>6}  {'accuracy':>8}  {'macro F1':>8}  {'epoch':>5}  {'time':>9}"]
    return "\n".join([*lines, *map(_trial, trials)])


def _trial(trial: FrozenTrial) -> str:
    seconds = trial.duration.total_seconds() if trial.duration else 0.0
    figures = " " * 33
    if trial.user_attrs.get(EPOCHS):
        epoch = best_epoch(trial)
        scores = f"{epoch['accuracy']:8.4f}  {epoch['macro_f1']:8.4f}"
        figures = f"{value_of(epoch):6.4f}  {scores}  {epoch['epoch']:5d}"
    return f"{trial.number:5d}  {state_of(trial):11}  {figures}  {seconds:7,.1f} s"


def _best_values(best: FrozenTrial, found: Mapping[str, float]) -> str:
    importance = {name: f"  {share:10.2f}" for name, share in found.items()}
    heading = f"{'hyperparameter':17}  {f'best, trial {best.number}':>15}" + (f"  {'importance':>10}" if found else "")
    lines = [
        f"{name.replace('_', ' '):17}  {value!s:>15}{importance.get(name, '')}"
        for name, value in best.user_attrs[HYPERPARAMETERS].items()
    ]
    few = [] if found else ["importance unknown: too few complete trials with different values"]
    return "\n".join([heading, *lines, *few])
