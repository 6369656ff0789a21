"""Average the weights of several runs."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from training.average.interpolate import Interpolation, Weights, interpolate
from training.data.mapped_split import MappedSplit
from training.learn.calibration import calibrated_neutral, calibrated_temperature
from training.learn.predict import predict
from training.learn.rows import encoder
from training.learn.run_folder import Run, validation_scores
from training.learn.validation import validation_rows
from tweets.normalizer import NORMALIZERS


def average_runs(
    runs: Sequence[Run], start: Weights | None, validations: Sequence[MappedSplit], *, share: float | None = None
) -> Run:
    """Return the run with the mean of the runs' weights, interpolated with the weights `start` if these are given.

    `share` is the share of the mean; None: the largest one that validation allows, see `interpolate`.
    """
    first = runs[0]
    model: Any = first.model
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    encode = encoder(first.tokenizer, normalize=NORMALIZERS[first.normalizer], max_tokens=first.max_tokens)
    validation = validation_rows(validations, encode, first.labels)
    scores = partial(predict, first.model, validation.ids)

    def interpolated(weights: Weights) -> Interpolation:
        """Leave the weights, or their interpolation with the start, in the first run's model."""
        first.model.load_state_dict(weights)
        return interpolate(first.model, start, scores, validation, share=share)

    weights = [{name: weight.cpu().clone() for name, weight in run.model.state_dict().items()} for run in runs]
    members = [
        _member(run, None if start is None else interpolated(one)) for run, one in zip(runs, weights, strict=True)
    ]
    mean = interpolated({name: torch.stack([one[name] for one in weights]).mean(dim=0) for name in weights[0]})
    record = {name: value for name, value in first.record.items() if name not in _FIELDS_OF_ONE_SEED} | {
        "recipe": {**first.record["recipe"], "seed": [member["seed"] for member in members]},
        "averaged": {**mean.as_dict(), "seeds": members},
        "training_seconds": round(sum(member["training_seconds"] for member in members), 1),
    }
    model.cpu()
    return Run(
        model=first.model,
        tokenizer=first.tokenizer,
        name=first.name,
        labels=first.labels,
        normalizer=first.normalizer,
        max_tokens=first.max_tokens,
        temperature=calibrated_temperature(validation, mean.logits),
        dataset=first.dataset,
        record=record,
        neutral=calibrated_neutral(validation, mean.logits),
        validation_logits=mean.logits,
    )


_FIELDS_OF_ONE_SEED = ("epochs", "best_epoch")
"""The fields of run.json that have no mean: they are kept for each seed."""


def _member(run: Run, interpolation: Interpolation | None) -> dict[str, Any]:
    """Return the record of one seed: epochs, cost, scores, and the interpolation of this seed alone with the start."""
    record = run.record
    kept = {name: record[name] for name in (*_FIELDS_OF_ONE_SEED, "training_seconds", "hardware", "precision")}
    alone = {} if interpolation is None else {"interpolated": interpolation.as_dict()}
    return {"seed": record["recipe"]["seed"], **kept, **validation_scores(record), **alone}
