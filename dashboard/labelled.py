"""A record of the output topic as the page needs it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

TEXT_SHOWN_CHARS: Final = 400


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled tweet. `place` is unique; `label` is what the tweet says of itself, where the model knows it.

    `latency_s` runs from the tweet's created_at to its record on the output topic; None without a created_at.
    """

    place: str
    at_s: float
    text: str
    emotion: str
    confidence: float
    label: str | None = None
    latency_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        """What the page is sent: a long text is cut."""
        cut = len(self.text) > TEXT_SHOWN_CHARS
        return {
            "place": self.place,
            "at": round(self.at_s, 3),
            "text": self.text[:TEXT_SHOWN_CHARS] + "…" if cut else self.text,
            "emotion": self.emotion,
            "confidence": self.confidence,
            "label": self.label,
        }


def read_labelled(value: bytes | None, *, place: str, timestamp_ms: int) -> Labelled | None:
    """The labelled tweet in a record's value; None where it is not one that a worker wrote."""
    try:
        fields = json.loads(value or b"")
        at_s = timestamp_ms / 1000
        label = fields.get("label")
        return Labelled(
            place=place,
            at_s=at_s,
            text=_encodable(fields["text"]),
            emotion=_encodable(fields["emotion"]),
            confidence=_share(fields["confidence"]),
            label=label if label in fields["scores"] else None,
            latency_s=_latency_s(fields.get("created_at"), at_s),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _encodable(text: object) -> str:
    """Raises ValueError for a lone surrogate, which JSON can name and no page could be sent."""
    shown = str(text)
    shown.encode("utf-8")
    return shown


def _share(number: object) -> float:
    share = float(str(number))
    if not 0 <= share <= 1:
        raise ValueError("no share of one")  # nor is NaN, which browsers do not take for JSON
    return share


def _latency_s(created_at: str | None, at_s: float) -> float | None:
    if created_at is None:
        return None
    created = datetime.fromisoformat(created_at.upper().replace(" ", "T"))
    return at_s - created.timestamp() if created.tzinfo else None
