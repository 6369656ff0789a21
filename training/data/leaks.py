"""Find texts that are in two splits: scores on such rows do not measure performance on new tweets."""

from collections.abc import Iterable

from training.data.splits import Split
from training.output.progress import say


def warn_of_leaks(texts: Iterable[str], other: Split, *, where: str) -> None:
    """Print a warning with the number of rows of `other` whose texts are among `texts`, those of the split `where`."""
    shared = set(texts) & set(other.texts)
    if shared:
        rows = sum(text in shared for text in other.texts)
        say(
            f"warning: {rows} of {len(other)} rows of {other.name!r} are also in {where!r}; "
            "scores on these rows do not measure performance on new tweets"
        )


def without_texts_of(split: Split, other: Split) -> Split:
    """Return the split without the rows whose texts are in the split `other`; print the number of removed rows."""
    taken = set(other.texts)
    rows = [row for row in zip(split.numbers, split.texts, split.targets, strict=True) if row[1] not in taken]
    if len(rows) < len(split):
        say(f"{len(split) - len(rows)} added rows are also in {other.name!r} and are left out")
    numbers, texts, targets = zip(*rows, strict=True) if rows else ((), (), ())
    return Split(split.name, numbers, texts, targets)
