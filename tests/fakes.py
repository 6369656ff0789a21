"""A classifier without a model, whose predictions are a function of the text."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from tests.records import a_prediction
from tweets.emotions import EMOTIONS
from tweets.prediction import Prediction

POISON: Final = "poison"
"""The classifier fails on every text that holds this word."""

HELD_UP_S: Final = 10.0
"""How long a call waits at most for `may_answer`, so that a test that forgets it fails and does not hang."""


def happiness(text: str) -> Prediction:
    """Predict joy, the likelier the more often the word happy is in the text."""
    return a_prediction("joy", min(0.9, 0.4 + 0.25 * text.count("happy")))


class FakeClassifier:
    """Return `predict` of each text; `calls` are the texts of each call, `probes` counts the probes.

    While `may_answer` is cleared, every call waits. While `broken` is true, every call and every probe fails.
    """

    model_id = "fake-1"
    emotions: Sequence[str] = EMOTIONS

    def __init__(self, predict: Callable[[str], Prediction] = happiness) -> None:
        self.calls: list[list[str]] = []
        self.probes = 0
        self.broken = False
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.predict = predict

    @property
    def computed_texts(self) -> int:
        return sum(map(len, self.calls))

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        self.calls.append(list(texts))
        assert self.may_answer.wait(HELD_UP_S), "the test forgot to set may_answer"
        if self.broken or any(POISON in text for text in texts):
            raise FloatingPointError
        return [self.predict(text) for text in texts]

    def probe(self) -> None:
        self.probes += 1
        if self.broken:
            raise FloatingPointError
