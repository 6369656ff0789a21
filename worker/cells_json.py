"""The cells of a period as JSON: subject → emotion → tweets. Equal cells have equal JSON."""

import json
import zlib

import orjson

from tweets.periods import Cells


def dump(cells: Cells) -> str:
    """Return the JSON."""
    counts: dict[str, dict[str, int]] = {}
    for (subject, emotion), count in cells.items():
        counts.setdefault(subject, {})[emotion] = count
    return orjson.dumps(counts, option=orjson.OPT_SORT_KEYS).decode()


def load(counts: str) -> Cells:
    """Return the cells in the JSON; no cells if no worker can have written it."""
    try:
        fields = json.loads(counts)
        found = {(subject, name): count for subject, each in fields.items() for name, count in each.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}
    valid = all(type(count) is int and count >= 0 for count in found.values())
    return {cell: count for cell, count in found.items() if count} if valid else {}


def pack(cells: Cells) -> bytes:
    """Return the JSON in compressed form, a tenth of the memory of many cells."""
    return zlib.compress(dump(cells).encode(), 1)


def unpacked_text(packed: bytes) -> str:
    """Return the JSON in what `pack` returned."""
    return zlib.decompress(packed).decode()


def unpack(packed: bytes) -> Cells:
    """Return the cells in what `pack` returned."""
    return load(unpacked_text(packed))
