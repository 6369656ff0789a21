"""The cells of a period as JSON: subject → emotion → tweets. Equal cells have equal JSON."""

import json
import zlib
from typing import Any

import orjson

from tweets.periods import Cells
from worker.counts import is_count


def nested(cells: Cells) -> dict[str, dict[str, int]]:
    """Return the JSON object that `flat` reads."""
    counts: dict[str, dict[str, int]] = {}
    for (subject, emotion), count in cells.items():
        counts.setdefault(subject, {})[emotion] = count
    return counts


def flat(counts: Any) -> Cells | None:
    """Return the cells in a JSON value; None if no worker can have written it."""
    try:
        found = {(subject, name): count for subject, each in counts.items() for name, count in each.items()}
    except AttributeError:
        return None
    return {cell: count for cell, count in found.items() if count} if all(map(is_count, found.values())) else None


def dump(cells: Cells) -> str:
    """Return the JSON."""
    return orjson.dumps(nested(cells), option=orjson.OPT_SORT_KEYS).decode()


def load(counts: str) -> Cells:
    """Return the cells in the JSON; no cells if no worker can have written it."""
    try:
        return flat(json.loads(counts)) or {}
    except (ValueError, RecursionError):
        return {}


def pack(cells: Cells) -> bytes:
    """Return the JSON in compressed form, a tenth of the memory of many cells."""
    return zlib.compress(dump(cells).encode(), 1)


def unpacked_text(packed: bytes) -> str:
    """Return the JSON in what `pack` returned."""
    return zlib.decompress(packed).decode()


def unpack(packed: bytes) -> Cells:
    """Return the cells in what `pack` returned."""
    return load(unpacked_text(packed))
