"""A consumer as most people write one: kafka-python, a `transformers` pipeline, a producer, and a commit per poll.

It delivers at least once. Dtype and batch size are those with which the pipeline alone was fastest.
"""

import argparse
import json
import os

from kafka import KafkaConsumer, KafkaProducer

from benchmarks.peers.plain_pipeline import DTYPES, load_pipeline


def main() -> None:
    """Label the tweets of KAFKA_INPUT_TOPIC until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--dtype", choices=list(DTYPES), default="fp32")
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    pipeline = load_pipeline(options.model, options.dtype)
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    consumer = KafkaConsumer(
        os.environ["KAFKA_INPUT_TOPIC"],
        bootstrap_servers=servers,
        group_id=os.environ["KAFKA_GROUP_ID"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = KafkaProducer(bootstrap_servers=servers)
    while True:
        polled = consumer.poll(timeout_ms=500, max_records=4 * options.batch_size)
        tweets = [json.loads(record.value) for records in polled.values() for record in records]
        if not tweets:
            continue
        texts = [tweet["text"] for tweet in tweets]
        for tweet, label in zip(
            tweets, pipeline(texts, batch_size=options.batch_size, truncation=True, max_length=128), strict=True
        ):
            labelled = {**tweet, "emotion": label["label"], "confidence": label["score"]}
            producer.send(os.environ["KAFKA_OUTPUT_TOPIC"], json.dumps(labelled).encode(), tweet["id"].encode())
        producer.flush()
        consumer.commit()


if __name__ == "__main__":
    main()
