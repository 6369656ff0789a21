"""A setting that documents itself: docs/reference.md is made from the texts of the fields."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field


def setting(
    default: object, *, meaning: str, change: str, unit: str = "", shown: str | None = None, **limits: Any
) -> Any:
    """Return the field of one setting.

    `meaning` and `change` are sentences: what the setting does, and when a user sets another value. `unit` is the unit
    of a number. `shown` replaces the default in the reference, where the default is secret or a path on this machine.
    `limits` are pydantic's: gt, ge, le, pattern, min_length, max_length.
    """
    documentation: dict[str, Any] = {"change": change, "unit": unit}
    if shown is not None:
        documentation["shown"] = shown
    return Field(default, description=meaning, json_schema_extra=documentation, **limits)


def documentation(field: Any) -> Mapping[str, str]:
    """Return `change`, `unit` and, where it was given, `shown` of a field that `setting` made.

    Raises TypeError for a field that was made in another way.
    """
    extra = field.json_schema_extra
    if not isinstance(extra, Mapping) or "change" not in extra:
        raise TypeError(f"{field.description!r}: make the field with `setting`, which documents it")
    return extra
