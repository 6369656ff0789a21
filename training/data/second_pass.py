"""The labels of a second pass over a data set: one JSON object in each line, `{"number": 0, "label": "joy"}`."""

import json
from pathlib import Path
from typing import Final

from training.output.errors import TrainingError

SECOND_PASS_FILE: Final = Path(__file__).with_name("sample_second_pass.jsonl")
"""The second pass over `sample`."""


def read_second_pass(path: Path) -> dict[int, str]:
    """Return the label of each row by the row's number. Raises TrainingError with one line for a broken file."""
    labels: dict[int, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: cannot be read ({type(error).__name__}); give a file of labels") from error
    for place, line in enumerate(lines, start=1):
        if line.strip():
            number, label = _entry(line, f"{path}, line {place}")
            if number in labels:
                raise TrainingError(f"{path}, line {place}: row {number} has a label in an earlier line; delete one")
            labels[number] = label
    return labels


def _entry(line: str, where: str) -> tuple[int, str]:
    expected = 'expected {"number": 0, "label": "joy"}'
    try:
        fields = json.loads(line)
        number, label = fields["number"], fields["label"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TrainingError(f"{where}: not a label ({type(error).__name__}); {expected}") from error
    if isinstance(number, bool) or not isinstance(number, int) or not isinstance(label, str) or not label:
        raise TrainingError(f"{where}: number or label of another type; {expected}")
    return number, label
