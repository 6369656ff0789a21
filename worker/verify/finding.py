"""One line of the result of `python -m worker verify`, and its explanation."""

from dataclasses import dataclass
from typing import Any

from tweets.records import Partition
from worker.verify.causes import Cause


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which known cause a difference has, what shows that, and what to do."""

    cause: Cause
    evidence: str
    advice: str

    def __str__(self) -> str:
        """Return the line for a person."""
        return f"cause: {self.cause} ({self.evidence}). do: {self.advice}"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for one partition, for the totals, or for a period; `detail` is one line for a person.

    `places` are those where a period differs: partitions, and None for the sum of all partitions.
    """

    subject: str
    agrees: bool
    detail: str
    places: tuple[Partition | None, ...] = ()
    explanation: Explanation | None = None

    @property
    def is_unexplained(self) -> bool:
        """Whether this is a difference without a cause."""
        return not self.agrees and self.explanation is None

    def json_fields(self) -> dict[str, Any]:
        """Return the JSON object of `verify --json`; without a cause, its fields are null."""
        why = self.explanation
        return {
            "subject": self.subject,
            "agrees": self.agrees,
            "detail": self.detail,
            "cause": why and why.cause,
            "evidence": why and why.evidence,
            "advice": why and why.advice,
        }
