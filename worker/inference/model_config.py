"""The fields of config.json that the worker uses, each checked: anybody may have edited the file."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from worker.inference.manifest import file_size

JSON_MAX_BYTES: Final = 1_048_576
"""Bytes of a JSON file that are parsed, 100 times those of the bundled model: in memory JSON takes many times more."""

TEMPERATURES: Final = (0.01, 100.0)
"""Beyond these the scores are 0 and 1, or all the same. Training fits temperatures from 0.25 to 4."""

FEWEST_TOKENS: Final = 3
"""[CLS], one token of the text, [SEP]."""

MOST_TOKENS: Final = 4096
"""Attention over so many tokens takes 0.8 GB in a model of 12 heads; a tweet has fewer than 4,096 tokens."""

_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""Text that has a UTF-8 form and stays on one line."""


def read_json(path: Path) -> Any:
    """Return the value of a JSON file. Raises OSError or ValueError if there is none of at most JSON_MAX_BYTES."""
    if file_size(path.parent, path.name) > JSON_MAX_BYTES:
        raise ValueError(f"{path.name} has more than {JSON_MAX_BYTES} bytes")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{path.name} is nested too deeply") from None


def labels_of(names: object) -> tuple[str, ...]:
    """Return the labels of `id2label`, in the order of the model's outputs. Raises ValueError for anything else."""
    if not isinstance(names, dict) or names.keys() != {str(number) for number in range(len(names))}:
        raise ValueError('id2label must be an object with the names "0", "1" and so on')
    return checked_labels([names[str(number)] for number in range(len(names))])


def checked_labels(labels: Sequence[object]) -> tuple[str, ...]:
    """Return the labels. Raises ValueError if there is none, one is no name, or two are the same."""
    if not labels:
        raise ValueError("there is no label")
    names = tuple(checked_name(label, "a label") for label in labels)
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two outputs have the label {ascii(double)[:60]}")
    return names


def checked_name(value: object, what: str) -> str:
    """Return the text. Raises ValueError unless it is one line with a visible character."""
    if not isinstance(value, str) or not value.strip() or not _NAME.fullmatch(value):
        raise ValueError(f"{what} is {_shown(value)}, and must be a text of one line")
    return value


def checked_temperature(value: object) -> float:
    """Return the temperature. Raises ValueError unless it is a number that TEMPERATURES allow."""
    low, high = TEMPERATURES
    number = checked_number(value, "temperature")
    if not low <= number <= high:
        raise ValueError(f"temperature is {_shown(value)}, and must be a number from {low:g} to {high:g}")
    return number


def checked_max_tokens(value: object, positions: object = None) -> int:
    """Return `max_tokens`; `positions` are `max_position_embeddings`, None if the model does not name them.

    Raises ValueError unless it is a whole number of tokens that the model has positions for.
    """
    most = MOST_TOKENS if positions is None else min(MOST_TOKENS, _whole(positions, "max_position_embeddings"))
    tokens = _whole(value, "max_tokens")
    if not FEWEST_TOKENS <= tokens <= most:
        known = "" if positions is None else f" (max_position_embeddings is {_shown(positions)})"
        raise ValueError(f"max_tokens is {_shown(value)}, and must be from {FEWEST_TOKENS} to {most}{known}")
    return tokens


def checked_number(value: object, what: str) -> float:
    """Return a finite number as a float. Raises ValueError for any other JSON value."""
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    except OverflowError:  # JSON has integers that no float can hold
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{what} is {_shown(value)}, and must be a finite number")
    return number


def checked_share(value: object, what: str) -> float:
    """Return a probability, or another number from 0 to 1. Raises ValueError for any other JSON value."""
    number = checked_number(value, what)
    if not 0 <= number <= 1:
        raise ValueError(f"{what} is {number:g}, and must be from 0 to 1")
    return number


def _whole(value: object, what: str) -> int:
    if type(value) is not int:
        raise ValueError(f"{what} is {_shown(value)}, and must be a whole number")
    return value


def _shown(value: object) -> str:
    """Return the value in at most 60 characters; of an array or an object the type, for it may be a deep one."""
    return f"a JSON {type(value).__name__}" if isinstance(value, list | dict) else ascii(value)[:60]
