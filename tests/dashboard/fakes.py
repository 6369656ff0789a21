"""A classifier whose predictions follow from the text, and which a test can pause or break."""

import threading
from collections.abc import Sequence

from tweets.emotions import EMOTIONS
from tweets.prediction import Prediction


class FakeClassifier:
    """The score of joy rises with each word happy of a text; `calls` are the texts of each call."""

    model_id = "fake-1"
    labels = EMOTIONS

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.may_continue = threading.Event()
        self.may_continue.set()
        self.broken = False

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        self.calls.append(list(texts))
        assert self.may_continue.wait(10), "the test never let the call continue"
        if self.broken or any("poison" in text for text in texts):
            raise ValueError("no")
        return [prediction(text) for text in texts]

    def probe(self) -> None:
        if self.broken:
            raise ValueError("still no")


def prediction(text: str) -> Prediction:
    """Return the fake's prediction for a text."""
    joy = min(0.9, 0.4 + 0.25 * text.count("happy"))
    rest = (1 - joy) / (len(EMOTIONS) - 1)
    return Prediction("joy", joy, {emotion: joy if emotion == "joy" else rest for emotion in EMOTIONS})
