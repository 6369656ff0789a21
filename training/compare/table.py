"""The entries of a comparison as aligned text."""

from collections.abc import Sequence

from training.compare.entry import Entry


def entry_table(entries: Sequence[Entry], kind: str, *, rarest: str) -> str:
    """Return one line for each entry, after two lines of headings.

    `kind` is the heading of the first column. The last column is F1 of the class `rarest`, on test if there is one.
    """
    splits = ("validation", "test") if entries[0].test else ("validation",)
    above = ["", "", "", "", *(text for split in splits for text in (split, "")), rarest]
    heading = [kind, "parameters", "training", "tweets/s", *(["accuracy", "macro F1"] * len(splits)), "F1"]
    rows = [above, heading, *(_cells(entry, rarest) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *cells = row
    return "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip()


def _cells(entry: Entry, rarest: str) -> list[str]:
    splits = [scores for scores in (entry.validation, entry.test) if scores]
    return [
        entry.name,
        f"{entry.parameters:,}",
        f"{entry.training_seconds:,.1f} s",
        f"{entry.tweets_per_s:,.0f}",
        *(f"{figure:.4f}" for scores in splits for figure in (scores.accuracy, scores.macro_f1)),
        f"{entry.main_scores.per_class[rarest].f1:.4f}",
    ]
