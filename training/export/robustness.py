"""Scores of a model on raw tweets: the shifted test split and the shipped samples."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from training.data.evaluation_rows import read_evaluation_rows
from training.data.shift import shifted_texts
from training.data.splits import TEST, Split
from training.output.progress import say
from training.score.scores import score
from training.score.served import in_batches
from tweets.datasets import SAMPLE_FILES
from tweets.emotions import EMOTIONS
from worker.inference.classifier import Classifier
from worker.inference.engine_onnx import OnnxEngine
from worker.inference.model_folder import ModelFolder, open_model_folder
from worker.process.metrics import Metrics

SHIFTED: Final = "shifted test"
_WITHOUT: Final = "none"
"""The normaliser that leaves texts unchanged."""
_PASS_TOKENS: Final = 512
"""Tokens in a forward pass: the default of BATCH_MAX_TOKENS. The scores do not depend on the number."""


def robustness(path: Path, test: Split | None) -> dict[str, Any]:
    """Return accuracy and macro-F1 of a model folder's int8 model by texts, with and without its normaliser.

    `test` is None if the data set has no split `test`.
    """
    folder = open_model_folder(path)
    texts = texts_of(test, folder.labels)
    say(f"scoring {', '.join(texts)} with and without the normaliser")
    variants = {"with_normalizer": folder, "without_normalizer": replace(folder, normalizer=_WITHOUT)}
    found: dict[str, Any] = {name: {} for name in texts}
    for variant, opened in variants.items():
        for name, figures in _scored(opened, texts).items():
            found[name][variant] = figures
    return found


def texts_of(test: Split | None, labels: tuple[str, ...]) -> dict[str, Split]:
    """Return the texts to score: the test split unchanged and shifted, and the samples' rows with an emotion.

    The samples are left out unless `labels` have all emotions.
    """
    texts: dict[str, Split] = {}
    if test is not None:
        texts = {TEST: test, SHIFTED: replace(test, texts=tuple(shifted_texts(test.texts)))}
    if set(EMOTIONS) <= set(labels):  # the samples have rows of every emotion
        texts |= {name: read_evaluation_rows(name, TEST, labels).labelled for name in SAMPLE_FILES}
    return texts


def _scored(folder: ModelFolder, texts: Mapping[str, Split]) -> dict[str, dict[str, float]]:
    metrics = Metrics()
    engine = OnnxEngine(folder.path, max_pass_tokens=_PASS_TOKENS, metrics=metrics)
    classifier = Classifier(folder, engine, metrics=metrics)
    figures = {}
    for name, split in texts.items():
        title = f"{name}, normaliser {folder.normalizer}"
        scores = score(in_batches(classifier, split.texts, title=title).scores, split.targets, folder.labels)
        figures[name] = {"accuracy": round(scores.accuracy, 6), "macro_f1": round(scores.macro_f1, 6)}
    return figures
