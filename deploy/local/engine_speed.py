"""Measure how fast the classifier is alone, without Kafka and Redis."""

import time
from collections.abc import Callable, Sequence

from worker.inference.classifier import load_classifier
from worker.settings import Settings


def engine_tweets_per_second(texts: Sequence[str], settings: Settings, check: Callable[[], None]) -> float | None:
    """Classify the texts in batches of the worker's size and return texts per second; None without texts.

    `check` is called between batches and may raise.
    """
    if not texts:
        return None
    classifier = load_classifier(settings.model_path, device=settings.device, max_tokens=settings.batch_max_tokens)
    size = settings.batch_max_tweets
    batches = [texts[start : start + size] for start in range(0, len(texts), size)]
    classifier.classify(batches[0])  # warm-up: the first call of an engine is slower than all others
    start_s = time.perf_counter()
    for batch in batches:
        check()
        classifier.classify(batch)
    return round(len(texts) / (time.perf_counter() - start_s), 1)
