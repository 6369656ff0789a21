"""Texts that stand in two splits."""

from collections.abc import Iterable

from training.data.splits import Split
from training.output.progress import say


def warn_of_leaks(texts: Iterable[str], other: Split, *, where: str) -> None:
    """Say how many rows of a split stand among these texts too; `where` names the split of the texts."""
    shared = set(texts) & set(other.texts)
    if shared:
        rows = sum(text in shared for text in other.texts)
        say(
            f"warning: {rows} of {len(other)} rows of {other.name!r} stand in {where!r} too; "
            "scores on them say nothing about new tweets"
        )


def without_texts_of(split: Split, other: Split) -> Split:
    """Return the split without the rows whose texts stand in the other one."""
    taken = set(other.texts)
    rows = [row for row in zip(split.numbers, split.texts, split.targets, strict=True) if row[1] not in taken]
    if len(rows) < len(split):
        say(f"{len(split) - len(rows)} added rows stand in {other.name!r} too and are left out")
    numbers, texts, targets = zip(*rows, strict=True) if rows else ((), (), ())
    return Split(split.name, numbers, texts, targets)
