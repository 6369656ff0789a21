"""Quix Streams with a `transformers` pipeline in fp32, one text a call, exactly-once: as its tutorials write it."""

import argparse
import os
from typing import Any

from quixstreams import Application

from benchmarks.peers.plain_pipeline import load_pipeline


def main() -> None:
    """Label the tweets of KAFKA_INPUT_TOPIC until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    pipeline = load_pipeline(parser.parse_args().model, "fp32")

    def label(tweet: dict[str, Any]) -> dict[str, Any]:
        found = pipeline(tweet["text"], truncation=True, max_length=128)[0]
        return {**tweet, "emotion": found["label"], "confidence": found["score"]}

    application = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group=os.environ["KAFKA_GROUP_ID"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        auto_create_topics=False,
    )
    tweets = application.topic(os.environ["KAFKA_INPUT_TOPIC"], value_deserializer="json")
    labelled = application.topic(os.environ["KAFKA_OUTPUT_TOPIC"], value_serializer="json")
    application.dataframe(tweets).apply(label).to_topic(labelled)
    application.run()


if __name__ == "__main__":
    main()
