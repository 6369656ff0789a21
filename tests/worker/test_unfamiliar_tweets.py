"""The metric `emotion_unfamiliar_tokens`, with the tokenizer of the bundled model."""

from dataclasses import replace
from typing import Final

import pytest

from tests.records import a_prediction, a_tweet_record
from tests.worker.loop_run import NOTHING, OWNED, LoopRun
from tweets.prediction import Prediction
from tweets.unfamiliar_tokens import UNFAMILIAR_ABOVE
from worker.errors import TransientError
from worker.inference.classifier import Classifier, load_classifier
from worker.membership import PolledRecords
from worker.settings import BUNDLED_MODEL

pytestmark = pytest.mark.usefixtures("no_pauses")

ENGLISH: Final = (
    "The bus was late again and now I have missed the start of the film",
    "Thank you so much for the flowers, they made my whole week!",
    "ugh why does it always rain on my day off 😩",
)
OTHERS: Final = (
    "No puedo creer que mañana por fin volvamos a vernos después de tantos meses",
    "Schon wieder Verspätung, so macht mir das Bahnfahren wirklich keinen Spaß mehr",
    "今日は久しぶりに友達と会えてとても嬉しかった",
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(BUNDLED_MODEL, device="cpu", engine="onnx")


def run(classifier: Classifier, *texts: str) -> LoopRun:
    """Label the texts with the model, and commit them in one transaction."""
    records = [a_tweet_record(offset, text=text) for offset, text in enumerate(texts)]
    return LoopRun(NOTHING, PolledRecords(records, OWNED), predict=lambda text: classifier.classify([text])[0]).run()


def above(running: LoopRun) -> float:
    """Return how many tweets the metric counts above UNFAMILIAR_ABOVE."""
    total = running.value("emotion_unfamiliar_tokens_count")
    familiar = running.value("emotion_unfamiliar_tokens_bucket", le=str(UNFAMILIAR_ABOVE))
    assert total is not None
    assert familiar is not None
    return total - familiar


@pytest.mark.parametrize("text", OTHERS, ids=["Spanish", "German", "Japanese"])
def test_a_tweet_in_another_language_is_counted_above_the_bound(classifier: Classifier, text: str) -> None:
    assert above(run(classifier, text)) == 1


@pytest.mark.parametrize("text", ENGLISH)
def test_an_english_tweet_is_counted_below_the_bound(classifier: Classifier, text: str) -> None:
    running = run(classifier, text)
    assert running.value("emotion_unfamiliar_tokens_count") == 1
    assert above(running) == 0


def test_every_labelled_tweet_is_counted_once(classifier: Classifier) -> None:
    running = run(classifier, *ENGLISH, " ", *OTHERS)
    assert running.value("emotion_unfamiliar_tokens_count") == 6
    assert above(running) == len(OTHERS)


def unfamiliar(text: str) -> Prediction:
    return replace(a_prediction(), unfamiliar_tokens=0.5)


@pytest.mark.parametrize("step", ["publish", "commit"])
def test_nothing_is_counted_before_its_commit(step: str) -> None:
    polled = PolledRecords([a_tweet_record(7)], OWNED)
    failure = {step: [TransientError("broker gone")]}
    assert above(LoopRun(NOTHING, polled, NOTHING, fail=failure, predict=unfamiliar).run()) == 0
    assert above(LoopRun(NOTHING, polled, NOTHING, polled, fail=failure, predict=unfamiliar).run()) == 1


def test_a_prediction_without_a_share_is_not_counted() -> None:
    running = LoopRun(NOTHING, PolledRecords([a_tweet_record(7)], OWNED)).run()
    assert running.value("emotion_unfamiliar_tokens_count") == 0


def test_the_labelled_tweet_does_not_have_the_share() -> None:
    fields = unfamiliar("").json_fields()
    assert fields.keys() == {"emotion", "confidence", "scores"}
