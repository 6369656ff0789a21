"""Finds the texts on which the model fails, by halving the batch, so that one bad text costs one dead letter."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from tweets.prediction import Prediction
from tweets.reasons import BadRecordError
from worker.errors import ExitCode, FatalError

log = logging.getLogger(__name__)

_T = TypeVar("_T")


class TextClassifier(Protocol):
    """A model that labels texts."""

    @property
    def model_id(self) -> str:
        """The name of the model in labelled tweets."""

    @property
    def emotions(self) -> Sequence[str]:
        """Every value that the field `emotion` of a prediction can have."""

    @property
    def computed_texts(self) -> int:
        """How many texts the model has computed so far: not those whose scores were known from an equal text."""

    def classify(self, texts: Sequence[str]) -> Sequence[Prediction]:
        """Return a prediction for each text. May raise anything."""

    def probe(self) -> None:
        """Raise if texts with known scores get other scores."""


def classify_each(
    classify: Callable[[Sequence[str]], Sequence[_T]], probe: Callable[[], None], texts: Sequence[str]
) -> Sequence[_T | BadRecordError]:
    """Return a result for each text, or BadRecordError `classifier_failed` for a text that fails alone.

    Before a single text is given up, `probe` classifies texts that are known to work. Raises FatalError if `probe`
    fails too: the engine is broken.
    """
    try:
        return classify(texts)
    except FatalError:
        raise
    except Exception as error:
        if len(texts) > 1:
            log.warning("classifying %d texts failed (%s): trying each half", len(texts), type(error).__name__)
            middle = len(texts) // 2
            return [
                *classify_each(classify, probe, texts[:middle]),
                *classify_each(classify, probe, texts[middle:]),
            ]
        try:
            probe()
        except Exception as broken:
            raise FatalError(f"the model fails on texts it is known to classify: {broken}", ExitCode.ENGINE) from broken
        return [BadRecordError("classifier_failed", type(error).__name__)]
