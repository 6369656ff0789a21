"""The metrics of an exported model: scores with the worker's classifier, and scores of other models and seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.agree.command import agreement_with
from training.data.evaluation_rows import EvaluationRows
from training.data.second_pass import SECOND_PASS_FILE
from training.data.splits import TEST, VALIDATION, Split
from training.export.evaluation_sets import SAME_NAMES, EvaluationSet
from training.export.measured_sets import MeasuredSet, measured_set
from training.export.published import published
from training.export.robustness import robustness
from training.export.threshold import ChoiceSet, chosen_threshold
from training.export.unfamiliar import unfamiliar_shares
from training.learn.run_folder import Run, read_run, require_siblings, validation_scores
from training.output.errors import TrainingError, reason_of
from tweets.datasets import SAMPLE, dataset_name
from worker.errors import FatalError
from worker.inference.manifest import MANIFEST
from worker.inference.model_config import read_json
from worker.inference.model_folder import open_model_folder

METRICS_FILE: Final = "metrics.json"


@dataclass(frozen=True, slots=True)
class CardReferences:
    """Other models, runs and sentences that the card shows besides the model's own scores."""

    before: Path | None = None
    """The previous model folder, which is scored on the same texts."""
    siblings: Sequence[Path] = ()
    """Training runs of the same recipe with other seeds: the card shows mean and standard deviation on validation."""
    notes: Sequence[str] = ()
    """Sentences for the card, such as an earlier evaluation on the test split."""
    last_note: Callable[[], str] | None = None
    """Returns one more sentence, called once everything else in the card is known."""


def measured(
    folder: Path,
    run: Run,
    splits: tuple[Split, Split | None],
    sets: Sequence[EvaluationSet] = (),
    *,
    first_has_neutral: bool = False,
) -> dict[str, Any]:
    """Return the metrics of a model folder: scores, threshold of neutral, sizes in bytes and the record of the run.

    `splits` are validation and test of the run's first data set, test is None without such a split. `sets` are further
    rows to score; `first_has_neutral` is whether the first data set has neutral rows. Raises TrainingError if the
    worker would refuse the folder.
    """
    _, test = splits
    own = [EvaluationSet(split.name, _labelled_only(split), split.name == VALIDATION) for split in splits if split]
    try:
        found = [measured_set(folder, rows, run.labels, run.temperature) for rows in (*own, *sets)]
        opened = open_model_folder(folder)
    except FatalError as error:
        raise TrainingError(f"the worker refuses the exported model: {error}") from error
    neutral = _neutral(found, first_has_neutral)
    threshold = neutral.get("neutral", {}).get("threshold")
    scores = {one.rows.name: one.as_dict(threshold) for one in found}
    return {
        "model_id": opened.model_id,
        "labels": list(run.labels),
        "normalizer": run.normalizer,
        "max_tokens": run.max_tokens,
        "temperature": run.temperature,
        "dataset": dataset_name(run.dataset),
        **neutral,
        "scores": {rows.name: scores[rows.name] for rows in own},
        "sets": {rows.name: scores[rows.name] for rows in sets},
        **_passes(sets),
        "mistakes": {one.rows.name: one.mistakes() for one in found if one.rows.name == SAMPLE},
        **unfamiliar_shares(opened, sets),
        "robustness": robustness(folder, test),
        "bytes": {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.name != MANIFEST},
        "run": {**published(run.record), "data": {**run.record["data"], **_digest(test)}},
    }


def _passes(sets: Sequence[EvaluationSet]) -> dict[str, Any]:
    """Return how far the two passes of labelling `sample` agree, if it is scored and the second pass is there."""
    if SAMPLE not in {rows.name for rows in sets} or not SECOND_PASS_FILE.is_file():
        return {}
    return {"label_passes": agreement_with(SAMPLE, TEST, SECOND_PASS_FILE).as_dict()}


def _labelled_only(split: Split) -> EvaluationRows:
    return EvaluationRows(split, Split(split.name, (), (), ()))


def _neutral(found: Sequence[MeasuredSet], first_has_neutral: bool) -> dict[str, Any]:
    """Return the suggested threshold under `neutral`; nothing for a model without a neutral output."""
    names = {one.rows.name for one in found}
    choices = [
        ChoiceSet(one.rows.name, scores, one.rows.name == VALIDATION and not first_has_neutral)
        for one in found
        if one.rows.is_for_choices and one.rows.name + SAME_NAMES not in names
        if (scores := one.neutral_scores("int8")) is not None
    ]
    return {"neutral": chosen_threshold(choices)} if choices else {}


def _digest(test: Split | None) -> dict[str, Any]:
    return {} if test is None else {test.name: {"rows": len(test), "sha256": test.sha256()}}


def compared(run: Run, test: Split | None, comparisons: CardReferences) -> dict[str, Any]:
    """Return the metrics of the other models and seeds, and the notes."""
    found: dict[str, Any] = {"seeds": _seeds(run, comparisons.siblings)}
    if comparisons.before is not None:
        found["before"] = _before(comparisons.before, test)
    last = () if comparisons.last_note is None else (comparisons.last_note(),)
    return {"notes": [*comparisons.notes, *last], **found}


def _seeds(run: Run, siblings: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the validation scores by seed: of the run, of its siblings, and of the seeds of an averaged run."""
    records = [run.record]
    for folder in siblings:
        records.append(read_run(folder).record)
        require_siblings(run.record, records[-1], folder)
    return [seed for record in records for seed in _seeds_of(record)]


def _seeds_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "averaged" in record:
        seeds: list[dict[str, Any]] = record["averaged"]["seeds"]
        return seeds
    return [{"seed": record["recipe"]["seed"], "best_epoch": record["best_epoch"], **validation_scores(record)}]


def _before(folder: Path, test: Split | None) -> dict[str, Any]:
    """Score the previous model folder on raw tweets, and add the record of its run if there is one."""
    found: dict[str, Any] = {"model_id": open_model_folder(folder).model_id}
    if (folder / METRICS_FILE).is_file():
        try:
            found["run"] = published(read_json(folder / METRICS_FILE)["run"])
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise TrainingError(
                f"--before {folder}: {METRICS_FILE} has no record of a run ({reason_of(error)})"
            ) from error
    return {**found, "robustness": robustness(folder, test)}
