"""One reading of a label for all formats of data sets: an id, which may look like 1, 1.0 or "1", or a name."""

from collections.abc import Sequence
from decimal import Decimal
from math import isnan


def label_name(value: object, labels: Sequence[str]) -> str | None:
    """Return the name of a label, None where a row has no label.

    CSV knows strings only, and programs write a column of numbers with empty cells as 1.0 and NaN. So a string that is
    a number is that number in every format, and NaN is an empty value. Raises ValueError for a number that is no
    label's position, for true and false, and for lists.
    """
    found = _number_or_text(value.strip()) if isinstance(value, str) else value
    if isinstance(found, str):
        return found or None
    if found is None:
        return None
    if isinstance(found, float | Decimal) and isnan(found):
        return None
    if isinstance(found, int | float | Decimal) and not isinstance(found, bool) and 0 <= found < len(labels):
        number = int(found)
        if number == found:
            return labels[number]
    raise ValueError("not allowed")


def _number_or_text(text: str) -> float | bool | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return text if "_" in text else float(text)
    except ValueError:
        return text
