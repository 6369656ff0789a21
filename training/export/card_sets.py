"""The part of the model card about other texts: scores by set, neutral, kinds of text, mistakes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from training.data.splits import VALIDATION
from training.export.evaluation_sets import SAME_NAMES, UNUSUAL
from training.export.markdown import bullets, table
from training.score.text_kinds import KINDS
from tweets.datasets import SAMPLE, SAMPLE_DEV

_MIN_ROWS: Final = 20
"""Rows of a kind from which an accuracy is more than chance: with fewer, the cell has only the rows."""


def other_texts(metrics: dict[str, Any]) -> list[str]:
    """Return the scores on every set besides the data set of the model; nothing if no set was measured."""
    sets: dict[str, Any] = metrics.get("sets", {})
    if not sets:
        return []
    head = ["texts", "rows", "accuracy", "macro F1", "loss", "mean confidence", "ECE", "ECE less chance"]
    rows = [
        [
            name,
            str(one["int8"]["rows"]),
            *(f"{one['int8'][figure]:.4f}" for figure in ("accuracy", "macro_f1", "loss", "mean_confidence")),
            *(f"{one['int8'][figure]:.4f}" for figure in ("ece", "ece_less_chance")),
        ]
        for name, one in sets.items()
    ]
    explained = " ".join(["int8, rows with one of the labels.", *_names_of(sets), *_passes(metrics)])
    return ["## Other texts", explained, table(head, rows), *_temperatures(metrics)]


def _names_of(sets: Mapping[str, Any]) -> Iterator[str]:
    if SAMPLE in sets:
        yield (
            f"`{SAMPLE}`, `{SAMPLE_DEV}` and `{UNUSUAL}` (other languages, emoji alone, hashtags alone) were written "
            f"and labelled by the authors of this project, without outside annotators. `{SAMPLE_DEV}` is development "
            "data, on which choices were made."
        )
    if any(name.endswith(SAME_NAMES) for name in sets):
        yield (
            "Sets of other data sets have the rows with a single label, mapped onto the labels of this model; "
            f'"{SAME_NAMES.lstrip(", ")}" are those whose label has the name of one of its labels.'
        )


def _passes(metrics: dict[str, Any]) -> Iterator[str]:
    """Yield how far the two passes of labelling the sample agree."""
    found: dict[str, Any] = metrics.get("label_passes", {})
    if found:
        yield (
            f"`{SAMPLE}` was labelled in two passes, which give {found['same_label']:.1%} of its {found['rows']} "
            f"tweets the same label (Cohen's kappa {found['kappa']:.3f}); the label of the first pass counts."
        )


def _temperatures(metrics: dict[str, Any]) -> list[str]:
    """Return the temperature that each set alone would have."""
    found = {**metrics["scores"], **metrics["sets"]}
    each = ", ".join(f"{name} {one['best_temperature']:.2f}" for name, one in found.items())
    return [
        f"One temperature, {metrics['temperature']}, serves all texts. The temperature that would be fitted on each "
        f"set alone (higher: the model is too confident on these texts): {each}."
    ]


def neutral(metrics: dict[str, Any]) -> list[str]:
    """Return the suggested threshold, its rule, and what it finds and loses; nothing without a neutral output."""
    suggested: dict[str, Any] = metrics.get("neutral", {})
    if not suggested:
        return []
    threshold = suggested["threshold"]
    found = {**metrics["scores"], **metrics["sets"]}
    rows = [_neutral_row(name, one["int8"]["neutral"]) for name, one in found.items() if "neutral" in one["int8"]]
    head = ["texts", "neutral rows", "rows with a label", "area under ROC", "neutral found", "lost", "ECE less chance"]
    chosen = "no threshold keeps the limits, so none is suggested"
    if threshold is not None:
        chosen = f"suggested threshold (`NEUTRAL_THRESHOLD`): **{threshold:g}**"
    return [
        "## Neutral",
        f"The probability of neutral is the probability that a text shows none of the labels; {chosen}. The rule, on "
        f"validation and development data alone: {suggested['rule']} The sets of this choice: "
        f"{', '.join(suggested['chosen_on'])}.",
        table(head, rows),
        "Area under ROC: the probability that a neutral row gets a higher value than a row with a label. Found: the "
        "share of neutral rows above the suggested threshold. Lost: the share of rows with a label above it.",
    ]


def _neutral_row(name: str, one: dict[str, Any]) -> list[str]:
    area, less = one["area_under_roc"], one["ece_less_chance"]
    shares = [one.get("found"), one.get("lost")]
    return [
        name,
        str(one["rows"]),
        str(one["labelled_rows"]),
        "-" if area is None else f"{area:.4f}",
        *("-" if share is None else f"{share:.1%}" for share in shares),
        "-" if less is None else f"{less:.4f}",
    ]


def kinds(metrics: dict[str, Any]) -> list[str]:
    """Return rows and accuracy by kind of text: of the shipped tweets, and of test splits of mapped data sets."""
    sets = {
        name: one for name, one in metrics.get("sets", {}).items() if not name.endswith((SAME_NAMES, f"-{VALIDATION}"))
    }
    if not sets:
        return []
    by_set = [one["kinds"] for one in sets.values()]
    found = [kind for kind in KINDS if any(kind in one for one in by_set)]
    rows = [[kind, *(_cell(one.get(kind)) for one in by_set)] for kind in found]
    return [
        "## Kinds of text",
        f"Accuracy of int8 and rows in brackets; below {_MIN_ROWS} rows only the rows. A text is of one length, and of "
        "every other kind that fits (`training/score/text_kinds.py`).",
        table(["kind", *sets], rows),
        *(line for name, one in sets.items() for line in _declared(name, one["declared_kinds"])),
        *_languages(metrics),
    ]


def _languages(metrics: dict[str, Any]) -> Iterator[str]:
    """Yield how well the share of unfamiliar tokens separates other languages."""
    found: dict[str, Any] = metrics.get("unfamiliar_tokens", {})
    if found:
        each = ", ".join(f"{name} {one['share_above']:.1%} of {one['rows']}" for name, one in found["sets"].items())
        yield (
            "A cheap sign of a text that is not English is the share of its tokens that are unknown or continue a word "
            f"(`tweets/unfamiliar_tokens.py`). Texts with a share above {found['above']}: {each}."
        )


def _declared(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the accuracy by the kinds that a set of tweets names itself."""
    if not found:
        return
    parts = {kind: one for kind, one in found.items() if one["rows"] >= _MIN_ROWS}
    if name == UNUSUAL:
        languages = [one for kind, one in found.items() if not kind.endswith(" only")]
        parts["other languages"] = _together(languages)
    each = ", ".join(f"{kind} {_cell(one)}" for kind, one in parts.items())
    yield f"`{name}` by the kind that its authors wrote: {each}."


def _together(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = sum(one["rows"] for one in found)
    return {"rows": rows, "accuracy": sum(one["rows"] * one["accuracy"] for one in found) / max(rows, 1)}


def _cell(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "-"
    return f"{one['accuracy']:.3f} ({one['rows']})" if one["rows"] >= _MIN_ROWS else f"({one['rows']})"


def mistakes(metrics: dict[str, Any]) -> list[str]:
    """Return the most confident mistakes of the shipped sample."""
    found = [one for rows in metrics.get("mistakes", {}).values() for one in rows]
    if not found:
        return []
    lines = [
        f"`{one['id']}`, labelled {one['label']}, predicted {one['prediction']} ({one['confidence']:.2f}): "
        f"{' '.join(one['text'].split())}"
        for one in found
    ]
    return ["## Most confident mistakes", f"Of the tweets of `{SAMPLE}` with an emotion, int8:", bullets(lines)]
