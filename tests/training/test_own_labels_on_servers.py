"""A model with other labels, from its training to labelled tweets in Kafka and counts in Redis."""

import json
from pathlib import Path

from tests.servers import Message, Stack, publish, unique_topics
from tests.stream.programs import StartWorker, verify
from tests.stream.tweets import fields
from tests.stream.verifier import Verifier
from tests.training.moods import MOODS
from training.__main__ import main
from worker.errors import ExitCode

QUICK = ["--epochs", "4", "--learning-rate", "1e-2", "--batch-size", "8", "--r-drop", "0", "--ema-decay", "0.5"]
TEXTS = {label: f"I feel SO {words[0]}, i {words[1]}!" for label, words in MOODS.items()}


def test_a_model_with_other_labels_labels_tweets_and_counts_them(
    tmp_path: Path, moods: str, tiny_base: str, stack: Stack, start_worker: StartWorker
) -> None:
    model = tmp_path / "model"
    where = ["--dataset", moods, "--base", tiny_base, "--run", str(tmp_path / "run"), "--model", str(model)]
    assert main(["train", *where, *QUICK, "--vocabulary-rows", "80"]) == 0

    env = unique_topics(stack, 2) | {"MODEL_PATH": str(model)}
    verifier = Verifier(stack, env)
    tweets = [Message(json.dumps({"id": label, "text": text}).encode()) for label, text in TEXTS.items()]
    publish(stack, env["KAFKA_INPUT_TOPIC"], tweets)
    start_worker(env)
    verifier.wait_until_done(120)
    labelled = verifier.check_all_done(len(TEXTS)).labelled
    assert {fields(tweet)["id"]: fields(tweet)["emotion"] for tweet in labelled} == {label: label for label in TEXTS}
    assert verifier.redis_totals() == dict.fromkeys(TEXTS, 1)
    assert verify(env).code == ExitCode.OK
