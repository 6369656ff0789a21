"""Two tiny data sets: moods, which say nothing about neutral, and comments with other labels, several in a row."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.training.moods import MOODS, WORDS

LABELS = tuple(MOODS)
MAPPING = "{sunny: glad, teary: low, livid: cross, torn: [glad, low], plain: neutral, odd: skip}"
_FILLERS = WORDS[:9]
THEIRS = {"sunny": "glad", "teary": "low", "livid": "cross"}


def moods(*, each: int, start: int = 0) -> list[dict[str, Any]]:
    """Make rows that contain a word of their label; another number gives another text."""
    return [
        {"text": f"i feel so {words[n % 3]} {_ending(n)}", "label": label}
        for n in range(start, start + each)
        for label, words in MOODS.items()
    ]


def comments(*, each: int, start: int = 0) -> list[dict[str, Any]]:
    """Make rows with a list of labels: three labels like the moods, one of two moods, plain and skipped ones."""
    rows: list[dict[str, Any]] = []
    for n in range(start, start + each):
        for label, mood in THEIRS.items():
            rows.append({"text": f"{MOODS[mood][n % 3]} very {_ending(n)}", "labels": [label]})
        rows.append({"text": f"the today the {_ending(n)}", "labels": ["plain"]})
        rows.append({"text": f"glad tears {_ending(n)}", "labels": ["torn"]})
        rows.append({"text": f"this this {_ending(n)}", "labels": ["odd"]})
    return rows


def _ending(number: int) -> str:
    return f"{_FILLERS[number % 9]} {_FILLERS[number // 9 % 9]}"


def write(folder: Path, **splits: Sequence[dict[str, Any]]) -> Path:
    """Write a data set."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    return folder


def two_data_sets(root: Path, *, more: str = "") -> Path:
    """Write both data sets and the file that lists them, and return the file; `more` are fields of the comments."""
    splits = {"train": moods(each=20), "validation": moods(each=5, start=40), "test": moods(each=4, start=60)}
    write(root / "moods", **splits)
    write(root / "comments", train=comments(each=20), validation=comments(each=6, start=40))
    file = root / "data.yaml"
    entry = f"  - {{path: comments, labels: {MAPPING}{more}}}\n"
    file.write_text(f"data:\n  - path: moods\n{entry}", encoding="utf-8")
    return file
