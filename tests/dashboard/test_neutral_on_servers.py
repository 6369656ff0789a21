"""NEUTRAL_THRESHOLD on real servers: seven labels in Kafka, Redis, metrics and page agree, in an existing group too."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.dashboard.page_process import PageProcess, StartPage
from tests.model_folders import SIGNAL_WORDS, write_word_folder
from tests.servers import Message, Stack, WorkerProcess, publish, unique_topics
from tests.stream.programs import StartWorker, started, verify
from tests.stream.tweets import fields
from tests.stream.verifier import Verifier
from tweets.emotions import EMOTIONS, NEUTRAL
from worker.errors import ExitCode

PARTITIONS: Final = 3
DONE_S: Final = 120.0
SEES_S: Final = 30.0
THRESHOLD: Final = {"NEUTRAL_THRESHOLD": "0.9"}

SHOWN: Final = [emotion for times, emotion in enumerate(SIGNAL_WORDS, start=1) for _ in range(times)]
"""What each tweet of a round shows: sadness once, joy twice, and so on until neutral, seven times."""

WITH_THRESHOLD: Final = Counter(SHOWN)
WITHOUT_THRESHOLD: Final = Counter("sadness" if shown == NEUTRAL else shown for shown in SHOWN)
"""Without the threshold, a neutral tweet has equal scores, so that it gets the first label."""

LABELLED_NEUTRAL: Final = "joy"
"""The tweets that show this emotion carry the label neutral, the others the label of what they show."""


def stream(stack: Stack, folder: Path) -> tuple[dict[str, str], Verifier]:
    """Return the environment of workers without a threshold, on a model with a neutral output."""
    model = write_word_folder(folder / "model", neutral={"scale": 1.0, "shift": 0.5})
    env = unique_topics(stack, PARTITIONS) | {"MODEL_PATH": str(model), "DEVICE": "cpu"}
    return env, Verifier(stack, env)


def a_round(name: str) -> list[Message]:
    return [
        Message(
            json.dumps(
                {
                    "id": f"{name}-{number}",
                    "text": f"so {SIGNAL_WORDS[shown]}",
                    "label": NEUTRAL if shown == LABELLED_NEUTRAL else shown,
                }
            ).encode(),
            key=f"{name}-{number}".encode(),
            partition=number % PARTITIONS,
        )
        for number, shown in enumerate(SHOWN)
    ]


def by_label(worker: WorkerProcess, metric: str) -> dict[str, float]:
    """Return the samples of a metric above 0, by the values of their labels."""
    found = {key: value for key, value in worker.metrics().items() if key.startswith(f"{metric}{{")}
    return {key.partition("{")[2].rstrip("}"): value for key, value in found.items() if value}


def page_with_counts(page: PageProcess, counts: Counter[str]) -> dict[str, Any]:
    """Return the first state of the page with these counts."""
    return page.wait_for_state(lambda state: nonzero(state) == counts, SEES_S, f"the page counts {counts}")


def nonzero(state: dict[str, Any]) -> dict[str, int]:
    return {emotion: count for emotion, count in (state["counts"] or {}).items() if count}


def test_seven_labels_in_kafka_redis_metrics_and_page_agree(
    tmp_path: Path, stack: Stack, start_worker: StartWorker, start_page: StartPage
) -> None:
    env, verifier = stream(stack, tmp_path)
    page = start_page(env | THRESHOLD)
    page.wait_for_state(lambda state: state["kafka"]["state"] == "answers", SEES_S, "Kafka answers")
    publish(stack, env["KAFKA_INPUT_TOPIC"], a_round("first"))
    worker = started(env, start_worker, **THRESHOLD)
    verifier.wait_until_done(DONE_S)

    labelled = verifier.check_all_done(len(SHOWN)).labelled
    assert Counter(fields(tweet)["emotion"] for tweet in labelled) == WITH_THRESHOLD
    assert verifier.redis_totals() == WITH_THRESHOLD
    emotions = {f'emotion="{emotion}"': float(count) for emotion, count in WITH_THRESHOLD.items()}
    assert by_label(worker, "emotion_tweets_classified_total") == emotions
    assert by_label(worker, "emotion_confidence_count") == emotions
    carried = {shown: NEUTRAL if shown == LABELLED_NEUTRAL else shown for shown in SHOWN}
    assert by_label(worker, "emotion_confusion_total") == {
        f'emotion="{shown}",label="{carried[shown]}"': float(count) for shown, count in WITH_THRESHOLD.items()
    }
    done = verify(env)
    assert (done.code, done.err) == (ExitCode.OK, "")

    state = page_with_counts(page, WITH_THRESHOLD)
    state = page.wait_for_state(
        lambda state: compared(state) == len(SHOWN) and bool(state["rates"]), SEES_S, "every label was compared"
    )
    assert state["quality"]["accuracy"] == round(1 - WITH_THRESHOLD[LABELLED_NEUTRAL] / len(SHOWN), 4)
    assert list(state["counts"]) == list(state["rates"]) == [*EMOTIONS, NEUTRAL]
    with page.events() as events:
        name, hello = next(events)
    assert (name, hello["labels"], list(hello["colours"])) == ("hello", [*EMOTIONS, NEUTRAL], [*EMOTIONS, NEUTRAL])
    status, body = page.ask("POST", "/classify", {"text": "so rain"})
    result = json.loads(body)
    assert (status, result["emotion"], result["confidence"]) == (200, NEUTRAL, result["neutral"])


def compared(state: dict[str, Any]) -> int:
    """Return how many labels the page has compared with predictions."""
    return int((state["quality"] or {}).get("tweets", 0))


def test_switching_the_threshold_on_and_off_keeps_the_counts_of_the_group(
    tmp_path: Path, stack: Stack, start_worker: StartWorker, start_page: StartPage
) -> None:
    env, verifier = stream(stack, tmp_path)
    expected: Counter[str] = Counter()
    rounds = [("without", {}, WITHOUT_THRESHOLD), ("with", THRESHOLD, WITH_THRESHOLD), ("off", {}, WITHOUT_THRESHOLD)]
    for number, (name, setting, counts) in enumerate(rounds, start=1):
        worker = started(env, start_worker, **setting)
        publish(stack, env["KAFKA_INPUT_TOPIC"], a_round(name))
        verifier.wait_until_done(DONE_S)
        expected += counts
        verifier.check_all_done(number * len(SHOWN))
        assert verifier.redis_totals() == expected
        assert verify(env | setting).code == ExitCode.OK
        assert worker.terminate() == ExitCode.OK
    page_with_counts(start_page(env), expected)


def test_without_a_threshold_the_label_neutral_is_unknown_and_every_tweet_has_one_of_the_six(
    tmp_path: Path, stack: Stack, start_worker: StartWorker
) -> None:
    env, verifier = stream(stack, tmp_path)
    publish(stack, env["KAFKA_INPUT_TOPIC"], a_round("plain"))
    worker = started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    labelled = verifier.check_all_done(len(SHOWN)).labelled
    assert Counter(fields(tweet)["emotion"] for tweet in labelled) == WITHOUT_THRESHOLD
    assert all(0 < fields(tweet)["neutral"] < 1 for tweet in labelled)
    known = sum(WITH_THRESHOLD.values()) - WITH_THRESHOLD[NEUTRAL] - WITH_THRESHOLD[LABELLED_NEUTRAL]
    assert sum(by_label(worker, "emotion_confusion_total").values()) == known
    assert not [key for key in worker.metrics() if NEUTRAL in key]
