"""The results of a replay: accuracy and macro-F1 are over the tweets whose label the model can give."""

import json
from dataclasses import replace

import pytest

from deploy.local.summary import DemoSummary, confusion_by_labels, counts_by_topic
from tweets.classification_scores import classification_scores
from tweets.labelled_tweet import LabelledTweet

CONFUSION = {("joy", "joy"): 3, ("joy", "fear"): 1, ("neutral", "joy"): 2, ("bored", "joy"): 1, ("neutral", "fear"): 4}


def summary(emotions: tuple[str, ...]) -> DemoSummary:
    scored, not_scored = confusion_by_labels(CONFUSION, emotions)
    return DemoSummary(
        tweets=12,
        classified=11,
        dead_lettered=1,
        counts={"joy": 6, "fear": 5},
        scores=classification_scores(scored),
        not_scored=not_scored,
        tweets_per_second=None,
        engine_tweets_per_second=None,
        latency_ms={"p50": None},
    )


def test_labels_that_the_model_cannot_give_are_counted_apart(capsys: pytest.CaptureFixture[str]) -> None:
    found = summary(("joy", "fear"))
    result = json.loads(found.as_json())
    assert (result["accuracy"], result["scored"], result["not_scored"]) == (0.75, 4, {"bored": 1, "neutral": 6})
    found.show()
    printed = capsys.readouterr().err
    assert "accuracy 0.7500, macro-F1 0.4286 on the 4 tweets whose label" in printed
    assert "not scored, because the model cannot give the label: bored 1, neutral 6\n" in printed


def test_tweets_are_counted_by_tweet_topic_and_emotion(capsys: pytest.CaptureFixture[str]) -> None:
    tweets = [a_tweet("joy", "pets"), a_tweet("fear", "rain", "pets"), a_tweet("joy", "pets"), a_tweet("joy")]
    topics = counts_by_topic(tweets)
    assert topics == {"pets": {"joy": 2, "fear": 1}, "rain": {"fear": 1}}
    found = replace(summary(("joy", "fear")), topics=topics)
    assert json.loads(found.as_json())["topics"] == topics
    found.show()
    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert ["│", "pets", "│", "3", "│", "joy", "(67%)", "│"] in lines


def a_tweet(emotion: str, *topics: str) -> LabelledTweet:
    return LabelledTweet(
        id="1", text="a", emotion=emotion, confidence=1, scores={}, model="m", classified_at="", topics=topics
    )


def test_a_model_that_can_say_neutral_is_scored_on_neutral_tweets() -> None:
    result = json.loads(summary(("joy", "fear", "neutral")).as_json())
    assert (result["accuracy"], result["scored"], result["not_scored"]) == (0.3, 10, {"bored": 1})


def test_without_a_known_label_there_are_no_scores(capsys: pytest.CaptureFixture[str]) -> None:
    found = summary(("sadness",))
    result = json.loads(found.as_json())
    assert (result["accuracy"], result["macro_f1"], result["scored"]) == (None, None, 0)
    assert sum(result["not_scored"].values()) == 11
    found.show()
    assert "accuracy" not in capsys.readouterr().err
