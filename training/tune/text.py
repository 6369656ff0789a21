"""A search in words: its trials, what mattered, the best knobs and the command that makes a model with them."""

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial

from training.tune.trials import EPOCHS, KNOBS, best_epoch, state_of, value_of


def described(trials: Sequence[FrozenTrial], best: FrozenTrial, found: Mapping[str, float], *, command: str) -> str:
    """Return the report for people; `found` are the knobs' importances, none where they cannot be told."""
    return "\n\n".join([_trials(trials), _knobs(best, found), f"To make this model:\n{command}"])


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


def _knobs(best: FrozenTrial, found: Mapping[str, float]) -> str:
    mattered = {name: f"  {share:9.2f}" for name, share in found.items()}
    heading = f"{f'best: trial {best.number}':21}  {'knob':>13}" + (f"  {'mattered':>9}" if found else "")
    lines = [
        f"  {name.replace('_', ' '):19}  {value!s:>13}{mattered.get(name, '')}"
        for name, value in best.user_attrs[KNOBS].items()
    ]
    few = [] if found else ["too few complete trials with different values to tell which knobs mattered"]
    return "\n".join([heading, *lines, *few])
