"""Quix Streams with exactly-once, and counters in Redis by a batching sink: as its documentation writes them.

Quix Streams flushes a sink when it commits, before the transaction: offsets are committed only if Redis has answered.
"""

import argparse
import os
from collections import Counter
from pathlib import Path
from typing import Any, Final

import redis
from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBackpressureError

from chaos.peers.instant_label import labelled
from chaos.peers.time_outs import SESSION_TIMEOUT, TRANSACTION_TIMEOUT, milliseconds

#: While Redis does not answer, Quix Streams pauses and then reads the records of the commit again.
_RETRY_S: Final = 1.0


class CountersSink(BatchingSink):  # type: ignore[misc]
    """Adds the emotions of each batch to a hash in Redis."""

    def __init__(self, client: Any, key: str) -> None:
        super().__init__()
        self._client = client
        self._key = key

    def write(self, batch: Any) -> None:
        """Add one partition's batch in one MULTI."""
        try:
            with self._client.pipeline(transaction=True) as pipeline:
                for emotion, number in Counter(item.value["emotion"] for item in batch).items():
                    pipeline.hincrby(self._key, emotion, number)
                pipeline.execute()
        except (redis.ConnectionError, redis.TimeoutError):
            raise SinkBackpressureError(retry_after=_RETRY_S) from None


def main() -> None:
    """Label the tweets of KAFKA_INPUT_TOPIC until SIGTERM or an error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state-dir", type=Path, required=True)
    application = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group=os.environ["KAFKA_GROUP_ID"],
        consumer_extra_config={"session.timeout.ms": milliseconds(SESSION_TIMEOUT)},
        producer_extra_config={"transaction.timeout.ms": milliseconds(TRANSACTION_TIMEOUT)},
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        auto_create_topics=False,
        state_dir=parser.parse_args().state_dir,
    )
    tweets = application.topic(os.environ["KAFKA_INPUT_TOPIC"], value_deserializer="json")
    output = application.topic(os.environ["KAFKA_OUTPUT_TOPIC"], value_serializer="json")
    stream = application.dataframe(tweets).apply(labelled)
    stream.to_topic(output)
    counters = redis.Redis.from_url(os.environ["REDIS_URL"])
    stream.sink(CountersSink(counters, f"{os.environ['REDIS_KEY_PREFIX']}:counts"))
    application.run()


if __name__ == "__main__":
    main()
