"""`export`: write the model folder of a training run, which the worker serves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Final

from training.data.mapped_split import MappedSplit, mapped, read_other_mapped_split
from training.data.mapping import MappedDataset
from training.data.mixed_data import read_mixed_data
from training.data.recorded_data import recorded_datasets
from training.data.splits import TEST, TRAIN, VALIDATION, Split, read_other_split, read_split
from training.export.card import model_card
from training.export.data_counts import data_counts
from training.export.evaluation_sets import evaluation_sets
from training.export.measured import METRICS_FILE, CardReferences, compared, measured
from training.export.model_files import write_model
from training.export.pinned import pin_bundled_model
from training.learn.run_folder import Run, read_run
from training.output.errors import TrainingError
from training.output.json_file import write_json
from training.output.own_folder import MODEL_FOLDER
from training.output.progress import say
from training.output.whole_folder import whole_folder
from tweets.normalizer import NORMALIZERS

CARD_FILE: Final = "README.md"


@dataclass(frozen=True, slots=True)
class _Data:
    """The rows of an export; `test` is None if the first data set has no split `test`."""

    train: tuple[tuple[str, ...], ...]
    """The training texts of each data set."""
    validations: tuple[MappedSplit, ...]
    validation: Split
    """The rows of the first data set with exactly one label."""
    test: Split | None
    counts: dict[str, Any] = field(default_factory=dict)
    """The training rows of several data sets by label; empty for a run on one data set."""

    def calibration(self, rows: int) -> list[str]:
        """Return training texts for the int8 scales: as many of each data set, from its start."""
        mixed = (text for texts in zip_longest(*self.train) for text in texts if text is not None)
        return list(islice(mixed, rows))


def export(
    run_folder: Path,
    target: Path,
    *,
    dataset: str | None = None,
    data_root: Path | None = None,
    calibration_rows: int = 2048,
    comparisons: CardReferences | None = None,
) -> dict[str, Any]:
    """Write the model folder of a run and return the JSON line; an existing model folder is replaced as a whole.

    `dataset` is the path of the run's data set, if the path has changed, `data_root` the root of its several data sets.
    The first `calibration_rows` training rows fix the int8 scales. If `target` is the folder of the bundled model, the
    digest of its manifest in the code is rewritten. Raises TrainingError if run or data set cannot be used, or if no
    int8 model keeps the limits of training.export.int8.
    """
    run = read_run(run_folder)
    _require_servable(run_folder, run)
    specs = recorded_datasets(run.record, run.labels, root=data_root)
    data = _read_mixed(specs, run) if specs else _read_data(dataset or run.dataset, run)
    with whole_folder(target, replaces=MODEL_FOLDER) as folder:
        tried = write_model(folder, run, data.validations, calibration=data.calibration(calibration_rows))
        sets = evaluation_sets(specs, run.labels)
        with_neutral = bool(specs) and specs[0].has_neutral
        metrics = measured(folder, run, (data.validation, data.test), sets, first_has_neutral=with_neutral)
        metrics |= {"quantization": tried, "training_rows": data.counts}
        metrics |= compared(run, data.test, comparisons or CardReferences())
        write_json(folder / METRICS_FILE, metrics)
        (folder / CARD_FILE).write_text(model_card(metrics, run.labels), encoding="utf-8")
    pin_bundled_model(target)
    return _summary(target, metrics)


def _read_data(dataset: str, run: Run) -> _Data:
    train = read_split(dataset, TRAIN, run.labels, limit=run.record.get("limit"))
    validation = read_split(dataset, VALIDATION, run.labels)
    for split in (train, validation):
        if split.sha256() != run.record["data"].get(split.name, {}).get("sha256"):
            raise TrainingError(
                f"data set {dataset!r}: split {split.name!r} is not the one this run was trained with (other SHA-256); "
                "give the run's data set with --dataset, or train again"
            )
    validations = (mapped(validation, run.labels),)
    return _Data((train.texts,), validations, validation, _test_split(dataset, run.labels))


def _read_mixed(specs: Sequence[MappedDataset], run: Run) -> _Data:
    """Read the rows of a run on several data sets, as the run read them."""
    data = read_mixed_data(
        specs,
        normalize=NORMALIZERS[run.normalizer],
        limit=run.record.get("limit"),
        skipped="teachers" in run.record,
    )
    for name, facts in data.digests().items():
        if facts != run.record["data"].get(name):
            raise TrainingError(
                f"split {name!r} is not the one this run was trained with (other SHA-256); give the folder of the "
                "run's data sets with --data-root, or train again"
            )
    test = read_other_mapped_split(specs[0], TEST)
    return _Data(
        tuple(part.texts for part in data.parts),
        data.validations,
        data.validation,
        None if test is None else test.one_label(),
        data_counts(data.parts, run.labels, data.left_out),
    )


def _require_servable(folder: Path, run: Run) -> None:
    """Raise TrainingError for a run that no worker can serve: the worker pads with id 0."""
    number = run.model.config.pad_token_id
    if number not in (0, None):
        raise TrainingError(
            f"{folder}: the model pads with id {number}, but the worker pads with id 0; export a run with a base such "
            "as BERT"
        )


def _test_split(dataset: str, labels: Sequence[str]) -> Split | None:
    test = read_other_split(dataset, TEST, labels)
    if test is None:
        say(f"no scores on {TEST!r}: data set {dataset!r} has no split {TEST!r}")
    return test


def _summary(target: Path, metrics: dict[str, Any]) -> dict[str, Any]:
    figures = {
        f"{split}_{name}": both["int8"][name]
        for split, both in metrics["scores"].items()
        for name in ("accuracy", "macro_f1")
    }
    agreement = {f"{split}_label_agreement": both["label_agreement"] for split, both in metrics["scores"].items()}
    return {"model": str(target), "model_id": metrics["model_id"], **figures, **agreement}
