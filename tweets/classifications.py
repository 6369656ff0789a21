"""The predictions of a batch, column by column: no Python object for each text or score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import orjson
from numpy.typing import NDArray

from tweets.emotions import NEUTRAL
from tweets.prediction import Prediction
from tweets.score_text import score_texts


@dataclass(frozen=True, slots=True, eq=False)
class Classifications(Sequence[Prediction]):
    """The predictions of texts; each item is the `Prediction` of a text.

    `scores`, [texts, labels], and the other columns, [texts], are what a `Prediction` has under the same name. The
    emotion of text n is `names[best[n]]`: `names` are the labels, and neutral after them.
    """

    labels: tuple[str, ...]
    scores: NDArray[np.float64]
    best: NDArray[np.intp]
    confidences: NDArray[np.float64]
    neutral: NDArray[np.float64] | None = None
    unfamiliar_tokens: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        labels: tuple[str, ...],
        scores: NDArray[np.float64],
        neutral: NDArray[np.float64] | None,
        *,
        neutral_threshold: float | None = None,
        unfamiliar_tokens: NDArray[np.float64] | None = None,
    ) -> "Classifications":
        """Return the predictions for these scores; a text is neutral if its probability is above the threshold."""
        best, confidences = scores.argmax(axis=1), scores.max(axis=1)
        if neutral is not None and neutral_threshold is not None:
            is_neutral = neutral > neutral_threshold
            best, confidences = np.where(is_neutral, len(labels), best), np.where(is_neutral, neutral, confidences)
        return cls(labels, scores, best, confidences, neutral, unfamiliar_tokens)

    @property
    def names(self) -> tuple[str, ...]:
        """The emotions that `best` numbers."""
        return (*self.labels, NEUTRAL)

    @property
    def emotions(self) -> list[str]:
        """The emotion of each text."""
        return list(map(self.names.__getitem__, self.best.tolist()))

    def json_members(self) -> list[bytes]:
        """Return `json_members` of each prediction, written from the columns."""
        columns = [self.confidences[:, None], self.scores, *([] if self.neutral is None else [self.neutral[:, None]])]
        names = [_in_template(name) for name in self.names]
        scores = b",".join(name + b":%b" for name in names[:-1])
        neutral = b"" if self.neutral is None else b',"neutral":%b'
        forms = [b'"emotion":' + name + b',"confidence":%b,"scores":{' + scores + b"}" + neutral for name in names]
        texts = score_texts(np.concatenate(columns, axis=1))
        return [forms[best] % tuple(row) for best, row in zip(self.best.tolist(), texts, strict=True)]

    def __len__(self) -> int:
        return len(self.best)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> list[Prediction]: ...
    def __getitem__(self, index: int | slice) -> Prediction | list[Prediction]:
        """Return the prediction of a text."""
        if isinstance(index, slice):
            return [self[at] for at in range(len(self))[index]]
        return Prediction(
            self.names[self.best[index]],
            float(self.confidences[index]),
            dict(zip(self.labels, self.scores[index].tolist(), strict=True)),
            None if self.neutral is None else float(self.neutral[index]),
            None if self.unfamiliar_tokens is None else float(self.unfamiliar_tokens[index]),
        )


def _in_template(name: str) -> bytes:
    """Return the name as JSON, for the left side of the operator %."""
    return orjson.dumps(name).replace(b"%", b"%%")
