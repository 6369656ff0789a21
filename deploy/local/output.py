"""Reads what the worker has committed, as any consumer would: its own client, read_committed, no group."""

import json
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from kafka import KafkaConsumer, TopicPartition


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is needed of a labelled tweet; `label` is the true one, where it is known."""

    id: str
    text: str
    emotion: str
    label: str | None


class Output:
    """Follows the output and the dead-letter topic from their beginnings and collects what arrives."""

    def __init__(self, bootstrap: str, *, output_topic: str, dead_letter_topic: str) -> None:
        self.labelled: list[Labelled] = []
        self.dead_lettered = 0
        self.counts: Counter[str] = Counter()
        self._output_topic = output_topic
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_poll_records=5_000,
        )
        self._consumer.assign(self._partitions(output_topic) + self._partitions(dead_letter_topic))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    @property
    def total(self) -> int:
        """How many records have come out, labelled or dead."""
        return len(self.labelled) + self.dead_lettered

    @property
    def doubled(self) -> int:
        """How many labelled tweets have an id that was there before."""
        return len(self.labelled) - len({tweet.id for tweet in self.labelled})

    def read(self, wait_s: float) -> None:
        """Takes in what has arrived; waits at most so long for the first of it."""
        for partition, records in self._consumer.poll(timeout_ms=round(wait_s * 1000)).items():
            if partition.topic == self._output_topic:
                self._take([_labelled(record.value) for record in records])
            else:
                self.dead_lettered += len(records)

    def published(self, topic: str) -> int:
        """How many records were ever written to a topic on which nobody uses transactions."""
        return sum(self._consumer.end_offsets(self._partitions(topic)).values())

    def _take(self, tweets: list[Labelled]) -> None:
        self.labelled += tweets
        self.counts.update(tweet.emotion for tweet in tweets)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in sorted(self._consumer.partitions_for_topic(topic) or ())]


def _labelled(value: bytes) -> Labelled:
    fields = json.loads(value)
    return Labelled(fields["id"], fields["text"], fields["emotion"], fields.get("label"))
