"""Every record has exactly one outcome."""

import json

import pytest

from tests.fakes import FakeClassifier
from tests.records import a_prediction, a_record, a_tweet_record
from tweets.emotions import EMOTIONS, NEUTRAL
from tweets.prediction import Prediction
from worker.errors import ExitCode, FatalError
from worker.labelling import Labeller, OutputTopics
from worker.process.metrics import Metrics


def by_length(text: str) -> Prediction:
    """Predict joy for texts of more than three characters, else fear."""
    return a_prediction("joy" if len(text) > 3 else "fear", 0.9)


@pytest.fixture
def classifier() -> FakeClassifier:
    return FakeClassifier(by_length)


@pytest.fixture
def labeller(classifier: FakeClassifier) -> Labeller:
    return Labeller(classifier, OutputTopics("out", "dead", 2_000), Metrics(), tweet_max_chars=1_900)


def test_outcomes_are_in_the_order_of_the_records_each_with_its_own_label(labeller: Labeller) -> None:
    records = [
        a_tweet_record(0, text="a"),
        a_record(b"\xff", offset=1),
        a_tweet_record(2, text="longer"),
        a_tweet_record(3, text="poison"),
        a_record(None, offset=4),
        a_tweet_record(5, text="b"),
    ]
    results = labeller.label(records)
    assert [result.record.offset for result in results] == [0, 1, 2, 3, 4, 5]
    assert [result.emotion or result.reason for result in results] == [
        "fear",
        "not_utf8",
        "joy",
        "classifier_failed",
        "null_value",
        "fear",
    ]
    assert [result.output.topic for result in results] == ["out", "dead", "out", "dead", "dead", "out"]
    assert all((result.reason is None) != (result.emotion is None) for result in results)
    assert [json.loads(result.output.value or b"{}").get("id") for result in results if result.emotion] == [
        "tweets-3-0",
        "tweets-3-2",
        "tweets-3-5",
    ]


def test_a_label_is_known_only_if_a_prediction_can_have_it(labeller: Labeller, classifier: FakeClassifier) -> None:
    records = [a_tweet_record(n, label=label) for n, label in enumerate(("joy", NEUTRAL, "boredom"))]
    assert [result.label for result in labeller.label(records)] == ["joy", None, None]
    classifier.emotions = (*EMOTIONS, NEUTRAL)
    assert [result.label for result in labeller.label(records)] == ["joy", NEUTRAL, None]


def test_a_neutral_tweet_is_a_labelled_tweet_like_any_other() -> None:
    classifier = FakeClassifier(lambda _: Prediction(NEUTRAL, 0.95, a_prediction("joy", 0.9).scores, 0.95))
    labeller = Labeller(classifier, OutputTopics("out", "dead", 2_000), Metrics(), tweet_max_chars=100)
    (result,) = labeller.label([a_tweet_record(text="rain today")])
    fields = json.loads(result.output.value or b"")
    assert (fields["emotion"], fields["confidence"], fields["neutral"]) == (NEUTRAL, 0.95, 0.95)
    assert max(fields["scores"], key=fields["scores"].__getitem__) == "joy"


def test_a_batch_of_bad_records_never_asks_the_model(labeller: Labeller, classifier: FakeClassifier) -> None:
    assert [result.reason for result in labeller.label([a_record(None), a_record(b"")])] == ["null_value", "not_json"]
    assert classifier.calls == []


def test_a_tweet_that_no_longer_fits_with_its_label_becomes_a_dead_letter(labeller: Labeller) -> None:
    (result,) = labeller.label([a_tweet_record(text="a" * 1_800)])
    assert (result.reason, result.emotion) == ("record_too_large", None)
    assert result.output.topic == "dead"


def test_a_text_is_a_dead_letter_only_while_the_probe_succeeds(labeller: Labeller, classifier: FakeClassifier) -> None:
    (result,) = labeller.label([a_tweet_record(text="poison")])
    assert (result.reason, classifier.probes) == ("classifier_failed", 1)
    classifier.broken = True
    with pytest.raises(FatalError) as caught:
        labeller.label([a_tweet_record(text="poison"), a_tweet_record(text="fine")])
    assert caught.value.exit_code is ExitCode.ENGINE
