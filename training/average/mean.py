"""The mean of several runs' weights."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from training.average.interpolate import Between, Weights, interpolate
from training.data.splits import Split
from training.learn.predict import predict
from training.learn.run_folder import Run, judged
from training.learn.temperature import fit_temperature
from training.learn.tokens import encode
from tweets.normalizer import NORMALIZERS


def averaged(runs: Sequence[Run], start: Weights | None, validation: Split) -> Run:
    """Return the run whose weights are the mean of the runs', gone back towards `start` as far as validation asks."""
    first = runs[0]
    normalize = NORMALIZERS[first.normalizer]
    ids = encode(first.tokenizer, validation.texts, normalize=normalize, max_tokens=first.max_tokens)
    scores = partial(predict, first.model, ids)

    def settled(weights: Weights) -> Between:
        """Leaves the weights, or those between them and the start, in the first run's model."""
        first.model.load_state_dict(weights)
        return interpolate(first.model, start, scores, validation.targets, first.labels)

    weights = [{name: weight.clone() for name, weight in run.model.state_dict().items()} for run in runs]
    members = [_member(run, None if start is None else settled(one)) for run, one in zip(runs, weights, strict=True)]
    mean = settled({name: torch.stack([one[name] for one in weights]).mean(dim=0) for name in weights[0]})
    record = {name: value for name, value in first.record.items() if name not in _OF_ONE_SEED} | {
        "recipe": {**first.record["recipe"], "seed": [member["seed"] for member in members]},
        "averaged": {**mean.as_dict(), "seeds": members},
        "training_seconds": round(sum(member["training_seconds"] for member in members), 1),
    }
    return Run(
        model=first.model,
        tokenizer=first.tokenizer,
        name=first.name,
        labels=first.labels,
        normalizer=first.normalizer,
        max_tokens=first.max_tokens,
        temperature=fit_temperature(mean.logits, validation.targets),
        dataset=first.dataset,
        record=record,
        validation_logits=mean.logits,
    )


_OF_ONE_SEED = ("epochs", "best_epoch")


def _member(run: Run, between: Between | None) -> dict[str, Any]:
    """Tell a seed's story: its epochs, its scores, and what it would have been alone on the way to the start."""
    record = run.record
    kept = {name: record[name] for name in (*_OF_ONE_SEED, "training_seconds", "hardware", "precision")}
    alone = {} if between is None else {"interpolated": between.as_dict()}
    return {"seed": record["recipe"]["seed"], **kept, **judged(record), **alone}
