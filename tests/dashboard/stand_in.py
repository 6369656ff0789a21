"""A stand-in for the workers: it writes labelled tweets to Kafka and their counts to Redis, at a steady rate."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Self

import redis
from confluent_kafka import Producer

from tests.servers import Stack
from tweets.datasets import SAMPLE, read_rows

EVERY_S: Final = 0.1
"""Seconds between two parts: a worker's transactions at a low rate."""

SHARES: Final = {"sadness": 29, "joy": 33, "love": 8, "anger": 14, "fear": 12, "surprise": 4}
"""Emotion → percent of the tweets, as in the training data."""


class StandIn:
    """Writes `rate` tweets a second until the end of the block; every tweet has a label, one in five is unsure."""

    def __init__(self, stack: Stack, env: Mapping[str, str], rate: int) -> None:
        self._producer = Producer({"bootstrap.servers": stack.bootstrap, "linger.ms": 5})
        self._redis = redis.Redis.from_url(env["REDIS_URL"])
        self._topic, self._prefix = env["KAFKA_OUTPUT_TOPIC"], env["REDIS_KEY_PREFIX"]
        self._rate = rate
        self._texts = [row.text for row in read_rows(SAMPLE, "test")]
        self._random = random.Random(7)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self._producer.flush(10)
        self._redis.close()

    def add_minutes(self, minutes: int) -> None:
        """Write the counts of earlier minutes to Redis."""
        now = int(time.time()) // 60
        for number in range(now - minutes, now):
            self._count({emotion: round(0.6 * self._rate * share) for emotion, share in SHARES.items()}, number)

    def _write(self) -> None:
        started_s, written = time.monotonic(), 0
        while not self._stop.wait(EVERY_S):
            due = round(self._rate * (time.monotonic() - started_s)) - written
            counts: Counter[str] = Counter()
            for number in range(written, written + due):
                tweet = self._tweet(number)
                counts[tweet["emotion"]] += 1
                self._producer.produce(self._topic, json.dumps(tweet).encode())
            self._producer.flush(10)
            written += due
            if counts:
                self._count(counts, int(time.time()) // 60)

    def _count(self, counts: Mapping[str, int], minute: int) -> None:
        with self._redis.pipeline() as pipeline:
            for emotion, count in counts.items():
                pipeline.hincrby(f"{self._prefix}:counts", emotion, count)
                pipeline.hincrby(f"{self._prefix}:minute:{minute}", emotion, count)
            pipeline.execute()

    def _tweet(self, number: int) -> dict[str, Any]:
        emotion, second = self._random.choices(list(SHARES), list(SHARES.values()), k=2)
        confidence = 0.42 if self._random.random() < 0.2 else 0.97
        scores = dict.fromkeys(SHARES, 0.002) | {second: 0.36 if confidence < 0.5 else 0.02, emotion: confidence}
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        return {
            "id": str(number),
            "text": self._random.choice(self._texts),
            "emotion": emotion,
            "confidence": confidence,
            "scores": scores,
            "model": "stand-in",
            "classified_at": f"{at}.000Z",
            "created_at": f"{at}.000Z",
            "label": emotion if self._random.random() < 0.9 else second,
        }
