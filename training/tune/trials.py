"""The trials of a search: each trial fine-tunes the base with other hyperparameters and is scored on validation."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from training.data.learning_data import read_learning_data
from training.data.raw_tweets import RAW_TWEETS
from training.learn.base import load_base
from training.learn.fit import Task, fit, seed_everything
from training.learn.rates import suited_learning_rate
from training.learn.recipe import AUTO, NORMALIZER
from training.output.errors import TrainingError
from training.output.progress import say
from training.tune.hyperparameters import bundled_values, recipe_of, suggested
from training.tune.study import REASON, ended_trials, finished_trials, sampler_of_next_trial

HYPERPARAMETERS: Final = "knobs"
"""The trial attribute with the rounded hyperparameters; its name is a key of study.db and report.json."""
EPOCHS: Final = "epochs"
"""The trial attribute with the figures of each epoch."""


@dataclass(frozen=True, slots=True)
class Search:
    """The arguments of a search."""

    dataset: str
    base: str
    trials: int
    """Number of finished trials at which the search ends, with those of earlier runs on the same study."""
    epochs: int
    """Epochs of a trial that is not pruned."""
    seed: int
    limit: int | None
    """Number of training rows from the start of the split; None: all."""


class Trials:
    """The data and the base that all trials of a search share, and the run of a trial."""

    def __init__(self, search: Search) -> None:
        add = RAW_TWEETS if search.limit is None else None  # the raw tweets would outnumber the rows of a quick try
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
        """Return everything but the hyperparameters that determines a trial's value."""
        budget = {"epochs": self._search.epochs, "seed": self._search.seed, "limit": self._search.limit}
        return {"base": self.task.base, **budget, "data": self._data.sha256()}

    def run(self, study: optuna.Study) -> None:
        """Run the missing trials. A failed trial is recorded with its reason and replaced only by a later call."""
        if ended_trials(study) == 0 and not study.get_trials(states=(TrialState.WAITING,)):
            study.enqueue_trial(bundled_values(self._suited_rate))
        for _ in range(self._search.trials - len(finished_trials(study))):
            study.sampler = sampler_of_next_trial(study, self._search.seed)
            study.optimize(self._value, n_trials=1, catch=(TrainingError,), gc_after_trial=True)

    def _value(self, trial: optuna.Trial) -> float:
        """Fine-tune with a trial's hyperparameters and return the trial's value.

        Raises optuna.TrialPruned if the value is low, TrainingError if the fine-tuning fails.
        """
        values = suggested(trial, self._suited_rate)
        trial.set_user_attr(HYPERPARAMETERS, values)
        so_far = f"{len(finished_trials(trial.study))} of {self._search.trials} finished"
        say(f"trial {trial.number} ({so_far}): " + ", ".join(f"{name} {value}" for name, value in values.items()))
        try:
            return max(self._epoch_values(trial, values))
        except TrainingError as error:
            say(f"trial {trial.number} failed: {error}")
            trial.set_user_attr(REASON, str(error))
            raise

    def _epoch_values(self, trial: optuna.Trial, values: dict[str, Any]) -> list[float]:
        recipe = recipe_of(values, epochs=self._search.epochs, seed=self._search.seed)
        seed_everything(self._search.seed)
        base = load_base(self.task.base, self._data.labels)
        after_epoch = partial(report_epoch, trial, epochs=self._search.epochs)
        run = fit(self.task, recipe, self._data, base, after_epoch=after_epoch)
        return [value_of(epoch) for epoch in run.record["epochs"]]


def report_epoch(trial: optuna.Trial, epoch: dict[str, Any], *, epochs: int) -> None:
    """Report the figures of an epoch to the study.

    Raises optuna.TrialPruned if the trial's values are below the median of the others, except after the last epoch.
    """
    trial.set_user_attr(EPOCHS, [*trial.user_attrs.get(EPOCHS, []), epoch])
    trial.report(value_of(epoch), epoch["epoch"])
    if epoch["epoch"] < epochs and trial.should_prune():
        say(f"trial {trial.number} is pruned at epoch {epoch['epoch']}: its best value is below the median")
        raise optuna.TrialPruned


def value_of(epoch: dict[str, Any]) -> float:
    """Return the objective, which is maximised: the mean of accuracy and macro-F1 on validation."""
    return float(epoch["accuracy"] + epoch["macro_f1"]) / 2


def best_epoch(trial: FrozenTrial) -> dict[str, Any]:
    """Return the figures of a trial's best epoch; the trial must have completed an epoch."""
    epochs: list[dict[str, Any]] = trial.user_attrs[EPOCHS]
    return max(epochs, key=value_of)


def state_of(trial: FrozenTrial) -> str:
    """Return a trial's state in one word."""
    if trial.state is TrialState.FAIL and REASON not in trial.user_attrs:
        return "interrupted"
    return {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}[trial.state]
