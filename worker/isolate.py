"""When the model fails on some texts: finds which, by halving, so that one bad record costs one dead letter."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from worker.errors import BadMessage, ExitCode, Fatal

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def classify_each(
    classify: Callable[[Sequence[str]], Sequence[Result]], probe: Callable[[], None], texts: Sequence[str]
) -> list[Result | BadMessage]:
    """A result for each text, or the BadMessage `classifier_failed` for a text that fails even alone.

    Before a lone text is condemned, `probe` classifies texts that are known to work. If that fails too, the engine is
    broken: raises Fatal. Halving also gets a batch through that needs more memory than the GPU has free.
    """
    try:
        return list(classify(texts))
    except Fatal:
        raise
    except Exception as error:
        if len(texts) > 1:
            log.warning("a batch of %d texts failed (%s); trying halves", len(texts), type(error).__name__)
            middle = len(texts) // 2
            return [
                *classify_each(classify, probe, texts[:middle]),
                *classify_each(classify, probe, texts[middle:]),
            ]
        try:
            probe()
        except Exception as broken:
            raise Fatal(f"the model fails on texts it is known to classify: {broken}", ExitCode.ENGINE) from broken
        return [BadMessage("classifier_failed", type(error).__name__)]
