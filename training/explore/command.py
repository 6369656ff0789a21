"""`explore`: describe a data set before training. No row is quoted; rows are named by split and number."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.data.splits import TRAIN, Split
from training.explore.pictures import draw_classes, draw_lengths, draw_words
from training.explore.repeats import across, places
from training.explore.source import read_source
from training.explore.split_facts import Lengths, split_facts
from training.explore.telling_words import telling_words
from training.explore.text import as_text
from training.explore.token_counts import token_counts_of
from training.output.json_file import write_json
from training.output.report_folder import REPORT_FILE, prepare_report_folder, writing_report
from tweets.normalizer import NORMALIZERS
from worker.inference.model_folder import ModelFolder, open_model_folder

ALL: Final = "all"
"""The report's name for all splits together."""

CLASSES, LENGTHS, WORDS = "classes.png", "lengths.png", "words.png"
_MAX_TELLING_WORDS: Final = 12
"""Of each class: as many bars as a panel of the picture has room for."""


def explore(
    dataset: str,
    output: Path,
    *,
    model: Path,
    limit: int | None,
    labels: Sequence[str] | None = None,
    data: Path | None = None,
    data_root: str = ".",
) -> dict[str, Any]:
    """Describe the splits of a data set in `output`: report.json and pictures; return the main figures.

    Tokens are counted with the normaliser and the tokenizer of the model folder, before a text is cut. `limit` is the
    number of rows that are read from each split, None: all. `labels` None are those of the training split, or with
    `data` the six emotions. `data` is a file that maps labels, of which `dataset` is one data set, with relative paths
    below `data_root`. Raises TrainingError if the data set or the output cannot be used, worker.errors.FatalError if
    the model folder cannot be used.
    """
    folder = open_model_folder(model)
    source = read_source(dataset, labels=labels, data=data, data_root=data_root, limit=limit)
    classes, splits = source.labels, source.splits
    prepare_report_folder(output)
    token_counts = [token_counts_of(folder, split) for split in splits]
    report = {
        "dataset": dataset,
        "limit": limit,
        "labels": list(classes),
        **({"data": str(data), "mapping": source.mapping} if data else {}),
        "model": {"folder": str(model), "model_id": folder.model_id, "max_tokens": folder.max_tokens},
        **_findings(folder, classes, splits, token_counts),
    }
    pictures = _write(output, report, np.concatenate(token_counts))
    print(as_text(report))
    return _summary(report, output, pictures)


# Reporting.


def _findings(
    folder: ModelFolder, labels: Sequence[str], splits: Sequence[Split], token_counts: Sequence[Lengths]
) -> dict[str, Any]:
    max_tokens = folder.max_tokens
    each = {
        split.name: {**split_facts([split], labels, counts, max_tokens=max_tokens), "sha256": split.sha256()}
        for split, counts in zip(splits, token_counts, strict=True)
    }
    together = split_facts(splits, labels, np.concatenate(token_counts), max_tokens=max_tokens)
    return {
        "splits": {**each, ALL: together},
        "shared": across(places(splits, labels), list(each)),
        "telling_words": telling_words(
            splits[0], labels, normalize=NORMALIZERS[folder.normalizer], limit=_MAX_TELLING_WORDS
        ),
    }


def _write(output: Path, report: dict[str, Any], token_counts: Lengths) -> list[str]:
    """Write the pictures and the report; return the file names of the pictures."""
    pictures = [CLASSES, LENGTHS, WORDS]
    with writing_report(output) as folder:
        draw_classes(report, folder / CLASSES)
        draw_lengths(report, token_counts, folder / LENGTHS)
        draw_words(report, folder / WORDS)
        write_json(folder / REPORT_FILE, {**report, "pictures": pictures})
    return pictures


def _summary(report: dict[str, Any], output: Path, pictures: list[str]) -> dict[str, Any]:
    together = report["splits"][ALL]
    return {
        "dataset": report["dataset"],
        "output": str(output),
        "pictures": pictures,
        "rows": {name: facts["rows"] for name, facts in report["splits"].items()},
        "labels": len(report["labels"]),
        **({"mapping": report["mapping"]} if "mapping" in report else {}),
        "imbalance_ratio": report["splits"][TRAIN]["imbalance_ratio"],
        "tokens": together["tokens"],
        "over_max_tokens": together["over_max_tokens"]["share"],
        "repeated_rows": together["repeated_rows"],
        "contradicting_texts": together["contradicting_texts"],
        "shared_texts": {"+".join(pair["splits"]): pair["texts"] for pair in report["shared"]},
    }
