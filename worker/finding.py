"""One line of the result of `python -m worker verify`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for one partition, for the totals, or for a period; `detail` is one line for a person."""

    subject: str
    agrees: bool
    detail: str
