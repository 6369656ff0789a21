"""`tune`: search the recipe's hyperparameters with Optuna, in a study on disk that can be continued.

The objective is the mean of accuracy and macro-F1 on the validation split, at a trial's best epoch. `tune` does not
read the test split.
"""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from training.learn.fit import Task
from training.output.errors import TrainingError
from training.output.json_file import write_json
from training.output.provenance import provenance
from training.output.report_folder import REPORT_FILE, prepare_report_folder, writing_report
from training.tune.hyperparameters import train_command
from training.tune.pictures import draw_history, draw_importances
from training.tune.study import REASON, STUDY_FILE, STUDY_FILES, finished_trials, importances, only_user, open_study
from training.tune.text import described
from training.tune.trials import EPOCHS, HYPERPARAMETERS, Search, Trials, best_epoch, state_of

HISTORY, IMPORTANCE = "history.png", "importance.png"


def tune(search: Search, output: Path) -> dict[str, Any]:
    """Run trials of the study in `output` until enough are finished, report the study, and return the JSON line.

    Raises TrainingError if the data, the base or the study cannot be used, or if no trial is complete.
    """
    prepare_report_folder(output, beside=STUDY_FILES)
    with only_user(output):
        trials = Trials(search)
        study = open_study(output / STUDY_FILE, trials.identity())
        trials.run(study)
        with writing_report(output, beside=STUDY_FILES) as folder:
            return _reported(search, trials.task, study, output=output, folder=folder)


# Reporting.


def _reported(search: Search, task: Task, study: optuna.Study, *, output: Path, folder: Path) -> dict[str, Any]:
    trials = study.get_trials(deepcopy=False)
    best = _best(study)
    found = importances(study, search.seed)
    command = train_command(task, best.user_attrs[HYPERPARAMETERS], epochs=search.epochs, seed=search.seed)
    pictures = _draw(study, best, found, folder)
    print(described(trials, best, found, command=command))
    summary = {
        "trials": dict(Counter(map(state_of, trials))),
        "best_trial": best.number,
        "best_value": round(float(best.value or 0.0), 6),
        "validation_accuracy": best_epoch(best)["accuracy"],
        "validation_macro_f1": best_epoch(best)["macro_f1"],
        "best_knobs": best.user_attrs[HYPERPARAMETERS],
        "importances": {name: round(share, 4) for name, share in found.items()},
        "command": command,
        "output": str(output),
        "pictures": pictures,
    }
    details = {"arguments": asdict(search), "study": study.user_attrs, **provenance()}
    write_json(folder / REPORT_FILE, {**summary, "trials": [_as_dict(trial) for trial in trials], **details})
    return summary


def _best(study: optuna.Study) -> FrozenTrial:
    if study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        return study.best_trial
    reasons = [trial.user_attrs[REASON] for trial in study.trials if REASON in trial.user_attrs]
    raise TrainingError(f"no trial is complete; reason of the last failure: {reasons[-1]}")


def _draw(study: optuna.Study, best: FrozenTrial, found: dict[str, float], folder: Path) -> list[str]:
    """Draw the pictures and return their file names; without importances there is only the history."""
    draw_history(finished_trials(study), folder / HISTORY)
    if not found:
        return [HISTORY]
    complete = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    draw_importances(found, best.user_attrs[HYPERPARAMETERS], folder / IMPORTANCE, complete=complete)
    return [HISTORY, IMPORTANCE]


def _as_dict(trial: FrozenTrial) -> dict[str, Any]:
    seconds = trial.duration.total_seconds() if trial.duration else None
    kept: dict[str, Any] = {
        name: trial.user_attrs[name] for name in (HYPERPARAMETERS, EPOCHS, REASON) if name in trial.user_attrs
    }
    return {"number": trial.number, "state": state_of(trial), "value": trial.value, "seconds": seconds, **kept}
