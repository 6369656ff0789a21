"""Of equal texts the model reads one, and every text has the scores that the model gave."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.model_folders import CountingEngine, write_folder
from worker.errors import FatalError
from worker.inference.classifier import Classifier
from worker.inference.model_folder import Golden, ModelFolder, open_model_folder
from worker.inference.repeats import REMEMBERED_TOKENS, Repeats
from worker.inference.token_batch import TokenBatch
from worker.process.metrics import Metrics


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return open_model_folder(write_folder(tmp_path_factory.mktemp("model")))


class Model:
    """Logits that differ from call to call in their last digits; `read` are the texts of each call."""

    def __init__(self) -> None:
        self.read: list[list[tuple[int, ...]]] = []

    def __call__(self, tokens: TokenBatch) -> NDArray[np.float64]:
        self.read.append([tuple(ids.tolist()) for ids in np.split(tokens.ids, np.cumsum(tokens.lengths)[:-1])])
        texts = self.read[-1]
        return np.array([[sum(ids) + 1 / 3, len(ids) * (1 + 1e-16 * len(self.read))] for ids in texts])


def outcomes(metrics: Metrics) -> dict[str, float]:
    value = metrics.registry.get_sample_value
    found = {name: value("emotion_cache_total", {"outcome": name}) for name in ("hit", "repeat", "miss")}
    return {name: count for name, count in found.items() if count}


def test_equal_texts_of_a_batch_are_read_once_and_all_have_the_logits_in_their_place() -> None:
    model, metrics = Model(), Metrics()
    texts = [[1, 2], [3], [1, 2], [1, 2, 3], [3], [1, 2]]
    logits = Repeats(0, metrics).logits(TokenBatch.of(texts), model)
    assert model.read == [[(1, 2), (3,), (1, 2, 3)]]
    assert logits.tolist() == [Model()(TokenBatch.of([ids]))[0].tolist() for ids in texts]
    assert outcomes(metrics) == {"repeat": 3, "miss": 3}


def test_without_a_cache_the_next_batch_is_read_again() -> None:
    model = Model()
    repeats = Repeats(0, Metrics())
    for _ in range(2):
        repeats.logits(TokenBatch.of([[1, 2]]), model)
    assert model.read == [[(1, 2)], [(1, 2)]]


def test_a_remembered_text_has_its_first_logits_to_the_last_digit() -> None:
    model, metrics = Model(), Metrics()
    repeats = Repeats(10, metrics)
    first = repeats.logits(TokenBatch.of([[1, 2], [3]]), model)
    again = repeats.logits(TokenBatch.of([[3], [4], [1, 2], [4]]), model)
    assert model.read == [[(1, 2), (3,)], [(4,)]]
    assert [again[2].tolist(), again[0].tolist()] == first.tolist()
    assert outcomes(metrics) == {"hit": 2, "repeat": 1, "miss": 3}
    assert repeats.logits(TokenBatch.of([[3]]), model).tolist() == [first[1].tolist()]
    assert len(model.read) == 2


@given(st.lists(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=3), min_size=1, max_size=8), max_size=6))
def test_any_batches_have_the_logits_of_each_text_alone(batches: list[list[list[int]]]) -> None:
    repeats = Repeats(4, Metrics())
    for texts in batches:
        logits = repeats.logits(TokenBatch.of(texts), lambda tokens: np.round(Model()(tokens), 9))
        assert logits.tolist() == np.round([Model()(TokenBatch.of([ids]))[0] for ids in texts], 9).tolist()
        assert len(repeats._remembered) <= 4


def test_the_texts_that_were_used_last_are_remembered() -> None:
    model = Model()
    repeats = Repeats(2, Metrics())
    for texts in ([[1]], [[2]], [[1]], [[3]], [[1]], [[2]]):
        repeats.logits(TokenBatch.of(texts), model)
    assert model.read == [[(1,)], [(2,)], [(3,)], [(2,)]]


def test_a_long_text_is_not_remembered() -> None:
    model = Model()
    repeats = Repeats(10, Metrics())
    for length in (REMEMBERED_TOKENS, REMEMBERED_TOKENS + 1) * 2:
        repeats.logits(TokenBatch.of([[1] * length]), model)
    assert [len(texts[0]) for texts in model.read] == [REMEMBERED_TOKENS, REMEMBERED_TOKENS + 1, REMEMBERED_TOKENS + 1]


def _classifier(folder: ModelFolder, engine: CountingEngine) -> Classifier:
    return Classifier(folder, engine, metrics=Metrics(), cache_max_tweets=100)


def test_tweets_that_differ_only_in_what_the_model_does_not_read_are_one_text(folder: ModelFolder) -> None:
    engine = CountingEngine()
    first, second = _classifier(folder, engine).classify(["@bob I feel fine https://t.co/1", "i feel FINE!"])
    assert first == second
    assert len(engine.batches[0]) == 1


def test_a_probe_asks_the_engine_and_not_the_cache(folder: ModelFolder) -> None:
    class Broken(CountingEngine):
        broken = False

        def logits(self, tokens: TokenBatch) -> NDArray[np.float32]:
            return super().logits(tokens) * np.float32(-5 if self.broken else 1)

    texts, engine = ["i feel fine", "sad"], Broken()
    right = _classifier(folder, engine).classify(texts)
    golden = Golden(0.02, texts, [dict(prediction.scores) for prediction in right])
    classifier = _classifier(replace(folder, golden=golden), engine)
    classifier.classify(texts)
    classifier.probe()
    engine.broken = True
    with pytest.raises(FatalError, match="computes wrong scores"):
        classifier.probe()


def test_logits_that_are_no_numbers_are_not_remembered(folder: ModelFolder) -> None:
    class OnceNan(CountingEngine):
        def logits(self, tokens: TokenBatch) -> NDArray[np.float32]:
            first: Sequence[object] = self.batches[:]
            return super().logits(tokens) * np.float32(1 if first else np.nan)

    classifier = _classifier(folder, OnceNan())
    with pytest.raises(FloatingPointError):
        classifier.classify(["i feel fine"])
    assert np.isfinite(classifier.classify(["i feel fine"]).scores).all()


def test_the_setting_reaches_the_classifier(tmp_path: Path) -> None:
    from worker.inference.classifier import load_classifier

    metrics = Metrics()
    classifier = load_classifier(write_folder(tmp_path), device="cpu", metrics=metrics, cache_max_tweets=5)
    for _ in range(2):
        classifier.classify(["i feel fine"])
    assert outcomes(metrics) == {"hit": 1, "miss": 1}
