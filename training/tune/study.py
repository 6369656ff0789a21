"""An Optuna study on disk, in one SQLite file, that another process can continue.

The sampler of each trial is seeded with the study's seed and the number of trials that have ended before. A search that
was interrupted and continued therefore tries the same hyperparameters as an uninterrupted search.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL

from training.output.errors import TrainingError, reason_of
from training.output.progress import say

STUDY_FILE: Final = "study.db"
STUDY_FILES: Final = (STUDY_FILE, f"{STUDY_FILE}-journal")
"""The study, and the file that SQLite leaves beside it when a process is killed."""
REASON: Final = "reason"
"""The trial attribute with the reason of a failure; an interrupted trial has no reason."""

_IDENTITY: Final = "identity"
_FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_PRUNER_START_TRIALS: Final = 5
"""Complete trials before the first trial can be pruned: the median of fewer values is mostly chance."""


@contextmanager
def only_user(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, so that one search uses it; the operating system releases the lock when a process ends.

    Raises TrainingError if another search holds the lock.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise TrainingError(
            f"{folder}: another search is running in this folder; wait for its end or choose another --output"
        ) from error
    finally:
        os.close(descriptor)


def open_study(path: Path, identity: dict[str, Any]) -> optuna.Study:
    """Open or create the study and mark the trials that an earlier process left unfinished as failed.

    Raises TrainingError if the file is not a study, or is the study of a search with another `identity`.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # `say` reports the trials
    try:
        study = optuna.create_study(
            storage=RDBStorage(URL.create("sqlite", database=str(path)).render_as_string()),
            study_name="training",
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_PRUNER_START_TRIALS),
            load_if_exists=True,
        )
    except Exception as error:  # storage, migration and driver raise different types
        raise TrainingError(
            f"{path}: cannot be used as a study ({reason_of(error)}); choose another --output"
        ) from error
    _require_same_search(study, identity, path)
    _fail_interrupted(study)
    return study


def _require_same_search(study: optuna.Study, identity: dict[str, Any], path: Path) -> None:
    kept = study.user_attrs.get(_IDENTITY)
    if kept is None:
        study.set_user_attr(_IDENTITY, identity)
        return
    for name, value in identity.items():
        if kept.get(name) != value:
            raise TrainingError(
                f"{path}: the study was made with other {name} ({kept.get(name)}, now {value}); "
                "use the same arguments, or choose another --output"
            )


def _fail_interrupted(study: optuna.Study) -> None:
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        say(f"trial {trial.number} was interrupted and does not count")


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: complete and pruned trials."""
    return study.get_trials(states=_FINISHED)


def ended_trials(study: optuna.Study) -> int:
    """Return the number of finished trials and of trials that failed with a reason; interrupted trials are repeated."""
    failed = [trial for trial in study.get_trials(states=(TrialState.FAIL,)) if REASON in trial.user_attrs]
    return len(finished_trials(study)) + len(failed)


def sampler_of_next_trial(study: optuna.Study, seed: int) -> optuna.samplers.BaseSampler:
    """Return a tree-structured Parzen estimator (Bergstra et al. 2011) with the seed of the next trial."""
    state = np.random.SeedSequence([seed, ended_trials(study)]).generate_state(1)
    return optuna.samplers.TPESampler(seed=int(state[0]))


def importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """Return the share of the values' variance that each hyperparameter explains alone, largest first; the sum is 1.

    The shares come from a functional analysis of variance (Hutter et al. 2014) of the complete trials. The result is
    empty if there are fewer than two different values.
    """
    values = {trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))}
    if len(values) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    try:
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
    except RuntimeError:  # too few trials: no tree of the random forest has two of them
        return {}
