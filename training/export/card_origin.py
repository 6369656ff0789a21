"""The part of the model card about training: data, base model, recipe, time."""

from collections.abc import Iterator
from typing import Any, Final

from training.data.raw_tweets import EVERYDAY_TWEETS, IMPLIED_TWEETS, RAW_TWEETS
from training.export.card_stages import BASES, averaging, best_epoch, lineage, recipe, stages, teachers, time_of
from training.export.markdown import bullets

_EMOTION: Final = "cbea190b"
_EMOTION_TEST: Final = "16a9e090"
"""The first digits of the SHA-256 of dair-ai/emotion's training split, and of its test split."""
_COMMENTS: Final = "google-research-datasets/go_emotions"
_KNOWN_DATA: Final = {
    _COMMENTS: "GoEmotions (Demszky et al. 2020): English comments of Reddit, Apache-2.0",
    RAW_TWEETS: "tweets that the authors of this project wrote and labelled, Apache-2.0",
    EVERYDAY_TWEETS: "later tweets that the authors wrote and labelled, a third of them neutral, Apache-2.0",
    IMPLIED_TWEETS: "tweets that the authors wrote and labelled, which seldom name their emotion, Apache-2.0",
}
"""Further data sets with known terms, by their id of the hub or their name."""


def origin(metrics: dict[str, Any]) -> str:
    """Return data, base model, recipe and time as a list."""
    run = metrics["run"]
    train = run["data"]["train"]
    added = run["data"].get("added")
    several = "datasets" in run
    lines = [
        f"Data set: {data(metrics)}. {train['rows']} training rows, SHA-256 `{train['sha256']}`.",
        f"Added data: {added['rows']} rows of `{run['add']}`, SHA-256 `{added['sha256']}`." if added else "",
        *_training_rows(metrics),
        *teachers(run),
        *stages(run),
        f"Recipe: {recipe(run)}.{best_epoch(run)}",
        *averaging(run),
        f"Normaliser: `{metrics['normalizer']}`, applied to every text in training and in serving.",
        f"Temperature: {metrics['temperature']}, fitted on the validation {'splits' if several else 'split'}.",
        f"Training time: {time_of(run)}.",
    ]
    return bullets(lines)


def _training_rows(metrics: dict[str, Any]) -> Iterator[str]:
    """Yield the training rows of each data set by label, and the rows that were left out."""
    counted: dict[str, Any] = metrics.get("training_rows", {})
    for part in counted.get("parts", ()):
        by_label = ", ".join(f"{name} {rows:,}" for name, rows in part["labels"].items())
        share = f"weight {part['weight']:g}, ratio {part['ratio']:g}"
        yield f"Training rows of `{part['name']}`: {part['rows']:,} ({share}): {by_label}."
    if counted:
        found = "; ".join(f"{where}: {rows:,}" for where, rows in counted["left_out"].items())
        yield f"Training rows left out, because another set has the same text after normalising: {found or 'none'}."


def data(metrics: dict[str, Any]) -> str:
    """Return the name of the data set and its terms."""
    if is_emotion(metrics):
        return "dair-ai/emotion: English tweets of 2018, released by its authors for educational and research use only"
    return f"data set {metrics['dataset']}; the licence of the data set applies"


def further_data(metrics: dict[str, Any]) -> list[str]:
    """Return the name and the terms of each data set besides the first one, of all stages."""
    entries = [entry for stage in reversed(lineage(metrics["run"])) for entry in stage.get("datasets", ())]
    found = {
        entry["path"]: _KNOWN_DATA.get(entry["hub"] or entry["path"])
        or f"data set {entry['path']}; the licence of the data set applies"
        for entry in entries
    }
    return [terms for path, terms in found.items() if path != entries[0]["path"]]


def is_emotion(metrics: dict[str, Any]) -> bool:
    """Return whether the model was trained on dair-ai/emotion, under any name or path of the data set."""
    data = metrics["run"]["data"]
    test = data.get("test", {"sha256": ""})
    return str(data["train"]["sha256"]).startswith(_EMOTION) or str(test["sha256"]).startswith(_EMOTION_TEST)


def known_base(metrics: dict[str, Any]) -> bool:
    """Return whether the licence of the base model is known."""
    return lineage(metrics["run"])[0]["base"] in BASES
