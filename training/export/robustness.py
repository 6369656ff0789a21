"""What a model makes of texts unlike its data: the shifted test split and the shipped sample."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from training.data.shift import shifted_texts
from training.data.splits import TEST, Split, read_split
from training.output.progress import say
from training.score.scores import score
from training.score.served import in_batches
from tweets.datasets import SAMPLE
from tweets.emotions import EMOTIONS
from worker.inference.classifier import Classifier
from worker.inference.engine_onnx import OnnxEngine
from worker.inference.model_folder import ModelFolder, open_model_folder
from worker.process.metrics import Metrics

SHIFTED: Final = "shifted test"
_WITHOUT: Final = "none"
_PASS_TOKENS: Final = 512


def robustness(path: Path, test: Split | None) -> dict[str, Any]:
    """Return accuracy and macro-F1 of a model folder's int8 model by texts, then with and without its normaliser."""
    folder = open_model_folder(path)
    texts = texts_of(test, folder.labels)
    say(f"scoring {', '.join(texts)} with and without the normaliser")
    ways = {"with_normalizer": folder, "without_normalizer": replace(folder, normalizer=_WITHOUT)}
    found: dict[str, Any] = {name: {} for name in texts}
    for way, opened in ways.items():
        for name, figures in _scored(opened, texts).items():
            found[name][way] = figures
    return found


def texts_of(test: Split | None, labels: tuple[str, ...]) -> dict[str, Split]:
    """Return what is scored: the test split as it is and shifted, and the sample where the labels include its own."""
    texts: dict[str, Split] = {}
    if test is not None:
        texts = {TEST: test, SHIFTED: replace(test, texts=tuple(shifted_texts(test.texts)))}
    if set(EMOTIONS) <= set(labels):  # the sample has rows of each
        texts[SAMPLE] = read_split(SAMPLE, TEST, labels)
    return texts


def _scored(folder: ModelFolder, texts: Mapping[str, Split]) -> dict[str, dict[str, float]]:
    classifier = Classifier(folder, OnnxEngine(folder.path), max_pass_tokens=_PASS_TOKENS, metrics=Metrics())
    figures = {}
    for name, split in texts.items():
        title = f"{name}, normaliser {folder.normalizer}"
        one = score(in_batches(classifier, split.texts, title=title), split.targets, folder.labels)
        figures[name] = {"accuracy": round(one.accuracy, 6), "macro_f1": round(one.macro_f1, 6)}
    return figures
