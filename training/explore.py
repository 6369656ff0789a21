"""`explore`: what a data set is made of, before anything is trained on it. No row is quoted; rows go by number."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer

from training.data import TEST, TRAIN, VALIDATION, Split, find_labels, read_split
from training.errors import TrainingError
from training.explore_pictures import draw_classes, draw_lengths, draw_words
from training.explore_text import as_text
from training.folders import write_json
from training.progress import progress, say
from training.repeats import across, places
from training.split_facts import Lengths, split_facts
from training.telling_words import telling_words
from tweets.datasets import SAMPLE, DatasetError, read_rows
from tweets.normalizer import NORMALIZERS
from worker.inference.model_folder import TOKENIZER_FILE, ModelFolder, open_model_folder

ALL: Final = "all"
"""The name under which all splits together stand in the report."""

_TELLING_WORDS = 12
_BATCH_TEXTS = 4096


def explore(dataset: str, output: Path, *, model: Path, limit: int | None) -> dict[str, Any]:
    """Describe the splits of a data set in `output`: report.json and pictures; return the main figures.

    Tokens are what a worker with this model folder would count if it cut nothing off. Raises TrainingError for a data
    set or an output that cannot be used, worker.errors.FatalError for such a model folder.
    """
    folder = open_model_folder(model)
    labels = find_labels(dataset)
    splits = list(_read_splits(dataset, labels, limit=limit))
    token_counts = [_token_counts(folder, split) for split in splits]
    report = {
        "dataset": dataset,
        "limit": limit,
        "labels": list(labels),
        "model": {"folder": str(model), "model_id": folder.model_id, "max_tokens": folder.max_tokens},
        **_findings(folder, labels, splits, token_counts),
    }
    pictures = _write(output, report, np.concatenate(token_counts))
    print(as_text(report))
    return _summary(report, output, pictures)


# Reading.


def _read_splits(dataset: str, labels: Sequence[str], *, limit: int | None) -> Iterator[Split]:
    """Yield `train` and those of the other splits that are there; a file without a folder is `train` alone."""
    yield read_split(dataset, TRAIN, labels, limit=limit)
    if dataset == SAMPLE or Path(dataset).expanduser().is_file():
        say(f"{dataset} is one file and taken as {TRAIN!r}; going on without other splits")
        return
    for split in (VALIDATION, TEST):
        if _is_missing(dataset, split, labels):
            say(f"data set {dataset!r} has no split {split!r}; going on without it")
        else:
            yield read_split(dataset, split, labels, limit=limit)


def _is_missing(dataset: str, split: str, labels: Sequence[str]) -> bool:
    """Whether a data set that could be read so far lacks this split; its rows are not looked at."""
    try:
        read_rows(dataset, split, labels=labels)
    except DatasetError:
        return True
    return False


def _token_counts(folder: ModelFolder, split: Split) -> Lengths:
    """Return the tokens of each text, [CLS] and [SEP] included."""
    tokenizer = _uncut_tokenizer(folder)
    normalize = NORMALIZERS[folder.normalizer]
    starts = range(0, len(split), _BATCH_TEXTS)
    counts: list[int] = []
    with progress(f"tokens of {split.name}", len(starts)) as advance:
        for start in starts:
            texts = [normalize(text) for text in split.texts[start : start + _BATCH_TEXTS]]
            counts += [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts)]
            advance(f"({len(counts)} texts)")
    return np.array(counts)


def _uncut_tokenizer(folder: ModelFolder) -> Tokenizer:
    path = folder.path / TOKENIZER_FILE
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise TrainingError(f"{path}: not a tokenizer ({error}); export the model folder again") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


# Reporting.


def _findings(
    folder: ModelFolder, labels: Sequence[str], splits: Sequence[Split], token_counts: Sequence[Lengths]
) -> dict[str, Any]:
    most = folder.max_tokens
    each = {
        split.name: {**split_facts([split], labels, counts, max_tokens=most), "sha256": split.sha256()}
        for split, counts in zip(splits, token_counts, strict=True)
    }
    together = split_facts(splits, labels, np.concatenate(token_counts), max_tokens=most)
    return {
        "splits": {**each, ALL: together},
        "shared": across(places(splits, labels), list(each)),
        "telling_words": telling_words(
            splits[0], labels, normalize=NORMALIZERS[folder.normalizer], most=_TELLING_WORDS
        ),
    }


def _write(output: Path, report: dict[str, Any], token_counts: Lengths) -> list[str]:
    """Write pictures and report; return the pictures' names."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        draw_classes(report, output / "classes.png")
        draw_lengths(report, token_counts, output / "lengths.png")
        draw_words(report, output / "words.png")
        pictures = ["classes.png", "lengths.png", "words.png"]
        write_json(output / "report.json", {**report, "pictures": pictures})
    except OSError as error:
        raise TrainingError(f"{output}: cannot be written ({error.strerror}); choose another folder") from error
    return pictures


def _summary(report: dict[str, Any], output: Path, pictures: list[str]) -> dict[str, Any]:
    together = report["splits"][ALL]
    return {
        "dataset": report["dataset"],
        "output": str(output),
        "pictures": pictures,
        "rows": {name: facts["rows"] for name, facts in report["splits"].items()},
        "labels": len(report["labels"]),
        "imbalance_ratio": report["splits"][TRAIN]["imbalance_ratio"],
        "tokens": together["tokens"],
        "over_max_tokens": together["over_max_tokens"]["share"],
        "repeated_rows": together["repeated_rows"],
        "contradicting_texts": together["contradicting_texts"],
        "shared_texts": {"+".join(pair["splits"]): pair["texts"] for pair in report["shared"]},
    }
