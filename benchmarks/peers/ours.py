"""This project's classifier alone, from texts to predictions, with the worker's default settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.protocol import Contender, Loading, serve
from worker.inference.classifier import load_classifier
from worker.settings import Settings


def load(loading: Loading) -> Mapping[str, Contender]:
    """Return the classifier, called with batches of BATCH_MAX_TWEETS texts."""
    settings = Settings(model_path=Path(loading.model))
    classifier = load_classifier(settings.model_path, device="cpu", max_tokens=settings.batch_max_tokens)

    def ours(texts: Sequence[str]) -> None:
        for start in range(0, len(texts), settings.batch_max_tweets):
            classifier.classify(texts[start : start + settings.batch_max_tweets])

    return {"ours": ours}


if __name__ == "__main__":
    serve(load, ["onnxruntime", "tokenizers", "numpy"])
