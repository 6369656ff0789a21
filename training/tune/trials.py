"""The trials of a search: each fine-tunes the base anew with other knobs, and is worth what validation says."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from training.data.learning_data import RAW_TWEETS, read_learning_data
from training.learn.base import load_base
from training.learn.fit import Task, fit, seed_everything
from training.learn.rates import suited_learning_rate
from training.learn.recipe import AUTO, NORMALIZER
from training.output.errors import TrainingError
from training.output.progress import say
from training.tune.knobs import bundled_knobs, recipe_of, suggested
from training.tune.study import REASON, finished_trials, sampler_of_next_trial, settled_trials

KNOBS: Final = "knobs"
EPOCHS: Final = "epochs"
"""What is kept with each trial, besides what Optuna keeps: the rounded knobs, and each epoch's figures."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is tuned, and how long."""

    dataset: str
    base: str
    trials: int
    """How many in all, those of earlier runs on the same study included."""
    epochs: int
    seed: int
    limit: int | None
    """Learn from the first rows only; None: all."""


class Trials:
    """What the trials of a search share, and how they are made."""

    def __init__(self, search: Search) -> None:
        add = RAW_TWEETS if search.limit is None else None  # they would outnumber the rows of a quick try
        self._search = search
        self._data = read_learning_data(search.dataset, None, add=add, limit=search.limit)
        base = load_base(search.base, self._data.labels)
        self._suited_rate = suited_learning_rate(base.model)
        self.task = Task(
            dataset=search.dataset,
            labels=None,
            add=add,
            base=base.name if search.base == AUTO else search.base,
            normalizer=NORMALIZER,
            name=None,
            vocabulary_rows=0,
            limit=search.limit,
        )
        say(f"base {self.task.base}, {self._data.described()}")

    def identity(self) -> dict[str, Any]:
        """Return what decides a trial's value, its knobs apart."""
        budget = {"epochs": self._search.epochs, "seed": self._search.seed, "limit": self._search.limit}
        return {"base": self.task.base, **budget, "data": self._data.sha256()}

    def run(self, study: optuna.Study) -> None:
        """Make as many trials as are missing. One that fails is noted, and made up for only by a later run."""
        if settled_trials(study) == 0 and not study.get_trials(states=(TrialState.WAITING,)):
            study.enqueue_trial(bundled_knobs(self._suited_rate))
        for _ in range(self._search.trials - len(finished_trials(study))):
            study.sampler = sampler_of_next_trial(study, self._search.seed)
            study.optimize(self._value, n_trials=1, catch=(TrainingError,), gc_after_trial=True)

    def _value(self, trial: optuna.Trial) -> float:
        """Fine-tune with a trial's knobs and return its value; raises optuna.TrialPruned where it lags behind."""
        knobs = suggested(trial, self._suited_rate)
        trial.set_user_attr(KNOBS, knobs)
        so_far = f"{len(finished_trials(trial.study))} of {self._search.trials} finished"
        say(f"trial {trial.number} ({so_far}): " + ", ".join(f"{name} {value}" for name, value in knobs.items()))
        try:
            return max(self._epoch_values(trial, knobs))
        except TrainingError as error:
            say(f"trial {trial.number} failed: {error}")
            trial.set_user_attr(REASON, str(error))
            raise

    def _epoch_values(self, trial: optuna.Trial, knobs: dict[str, Any]) -> list[float]:
        recipe = recipe_of(knobs, epochs=self._search.epochs, seed=self._search.seed)
        seed_everything(self._search.seed)
        base = load_base(self.task.base, self._data.labels)
        after_epoch = partial(judge, trial, epochs=self._search.epochs)
        run = fit(self.task, recipe, self._data, base, after_epoch=after_epoch)
        return [value_of(epoch) for epoch in run.record["epochs"]]


def judge(trial: optuna.Trial, epoch: dict[str, Any], *, epochs: int) -> None:
    """Tell the study what an epoch brought; raises optuna.TrialPruned where it is too little, save after the last."""
    trial.set_user_attr(EPOCHS, [*trial.user_attrs.get(EPOCHS, []), epoch])
    trial.report(value_of(epoch), epoch["epoch"])
    if epoch["epoch"] < epochs and trial.should_prune():
        say(f"trial {trial.number} is worse than half of the trials were by now, and pruned")
        raise optuna.TrialPruned


def value_of(epoch: dict[str, Any]) -> float:
    """Return what is maximised: the mean of accuracy and macro-F1 on validation."""
    return float(epoch["accuracy"] + epoch["macro_f1"]) / 2


def best_epoch(trial: FrozenTrial) -> dict[str, Any]:
    """Return the figures of a trial's best epoch; the trial has seen at least one."""
    epochs: list[dict[str, Any]] = trial.user_attrs[EPOCHS]
    return max(epochs, key=value_of)


def state_of(trial: FrozenTrial) -> str:
    """Return a trial's state in one word."""
    if trial.state is TrialState.FAIL and REASON not in trial.user_attrs:
        return "interrupted"
    return {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}[trial.state]
