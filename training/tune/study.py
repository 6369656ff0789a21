"""An Optuna study on disk, in one SQLite file: it outlives its process and goes on as if nothing had happened.

The sampler of each trial is seeded by the study's seed and by how many trials have settled before. A search that was
interrupted and goes on therefore tries the same knobs as one that was not.
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

from training.output.errors import TrainingError
from training.output.progress import say

STUDY_FILE: Final = "study.db"
REASON: Final = "reason"
"""The attribute that says why a trial failed; an interrupted one has none."""

_IDENTITY: Final = "identity"
_FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_PRUNER_START_TRIALS: Final = 5
"""Complete trials before the first can be pruned: a median of fewer says little."""


@contextmanager
def only_user(folder: Path) -> Iterator[None]:
    """Keep other searches out of a folder; however this process ends, the system lets them in again."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise TrainingError(f"{folder}: another search is at work there; wait for it or give --output") from error
    finally:
        os.close(descriptor)


def open_study(path: Path, identity: dict[str, Any]) -> optuna.Study:
    """Open or make the study. Raises TrainingError for a file that is none, and for the study of another search.

    Trials that an earlier process left unfinished are marked as failed.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # our own lines say what happens
    try:
        study = optuna.create_study(
            storage=RDBStorage(URL.create("sqlite", database=str(path)).render_as_string()),
            study_name="training",
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_PRUNER_START_TRIALS),
            load_if_exists=True,
        )
    except Exception as error:  # storage, migration and driver each have their own
        reason = " ".join(str(error).split())[:120]
        raise TrainingError(f"{path}: cannot be used as a study ({reason}); give another --output") from error
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
                f"{path}: belongs to a search with other {name} ({kept.get(name)}, now {value}); "
                "give those arguments again, or another --output"
            )


def _fail_interrupted(study: optuna.Study) -> None:
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        say(f"trial {trial.number} was interrupted and does not count")


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: complete ones and pruned ones."""
    return study.get_trials(states=_FINISHED)


def settled_trials(study: optuna.Study) -> int:
    """Return how many trials are over for good: finished, or failed for a reason that would come again."""
    failed = [trial for trial in study.get_trials(states=(TrialState.FAIL,)) if REASON in trial.user_attrs]
    return len(finished_trials(study)) + len(failed)


def sampler_of_next_trial(study: optuna.Study, seed: int) -> optuna.samplers.BaseSampler:
    """Return a tree-structured Parzen estimator (Bergstra et al. 2011) that is seeded for the next trial alone."""
    state = np.random.SeedSequence([seed, settled_trials(study)]).generate_state(1)
    return optuna.samplers.TPESampler(seed=int(state[0]))


def importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """Return how much of the values' variance each knob explains alone, the greatest first, their sum being 1.

    By functional analysis of variance (Hutter et al. 2014) over the complete trials; empty where their values are
    all the same or there is only one.
    """
    values = {trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))}
    if len(values) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    try:
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
    except RuntimeError:  # so few trials that no tree of the forest has seen two of them
        return {}
