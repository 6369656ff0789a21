"""What the output of a stream adds up to, record after record: numbers seen, findings and counts. Pure.

Record n of an input partition is at offset n, and its key and the id of its tweet are `<partition>-<n>`.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from chaos.stream.findings import Findings
from chaos.stream.judge import Arrived, Judge, input_offset, json_object, reason
from chaos.stream.numbers import SeenNumbers
from chaos.stream.period_fold import PeriodFold
from chaos.stream_names import StreamNames

_NAME: Final = re.compile(rb"(\d{1,6})-(\d{1,12})")

_LARGEST_GAP: Final = 1_000_000
"""A number further beyond those seen was never fed: its gap would fill the memory."""


class StreamAccount:
    """The account of all partitions.

    Without a `judge`, only names are read: each must come once and in order, whatever else is in the records and on
    whatever partition they are.
    """

    def __init__(self, names: StreamNames, judge: Judge | None, *, is_bomb: Callable[[int, int], bool]) -> None:
        self.names = names
        self._judge = judge
        self._is_bomb = is_bomb
        self.numbers = [SeenNumbers() for _ in range(names.partitions)]
        self.counts: list[Counter[str]] = [Counter() for _ in range(names.partitions)]
        """For each partition, how many tweets got each emotion."""
        self.periods = PeriodFold()
        self.reasons: Counter[str] = Counter()
        """How many dead letters have each reason."""
        self.labelled_records = 0
        self.findings = Findings()

    def labelled(self, record: Arrived) -> None:
        """Take the next record of an output partition."""
        self.labelled_records += 1
        tweet = json_object(record.value)
        found = self._numbered(record.key, tweet)
        if found is None:
            place = _place(self.names.output, record)
            self.findings.add("unknown", f"{place} has neither key nor id of a fed record")
            return
        partition, number = found
        self._note(self.names.output, record, partition, number)
        if self._judge is None:
            return
        uncounted = self._count(record, tweet)
        wrong = self._judge.labelled(partition, number, record, tweet) or uncounted
        if wrong is None and partition != record.partition:
            wrong = f"the input record is on partition {partition}"
        if wrong:
            self.findings.add("changed", f"{_place(self.names.output, record)}: {wrong}")

    def dead_letter(self, record: Arrived) -> None:
        """Take the next record of a dead-letter partition."""
        self.reasons[reason(record)] += 1
        place, number = _place(self.names.dead_letters, record), input_offset(record)
        if number is None or self._is_unknown(record.partition, number):
            self.findings.add("unknown", f"{place} names no offset of a fed record")
            return
        self._note(self.names.dead_letters, record, record.partition, number)
        if self._judge is not None:
            bomb = self._is_bomb(record.partition, number)
            if wrong := self._judge.dead_letter(record.partition, number, record, bomb=bomb):
                self.findings.add("changed", f"{place}: {wrong}")

    def _numbered(self, key: bytes | None, tweet: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return partition and number of the input record, from the key or, without a key, from the tweet's id."""
        found = _NAME.fullmatch(key if key is not None else str(tweet.get("id")).encode("utf-8", "replace"))
        if found is None:
            return None
        partition, number = int(found[1]), int(found[2])
        return None if self._is_unknown(partition, number) else (partition, number)

    def _is_unknown(self, partition: int, number: int) -> bool:
        return partition >= len(self.numbers) or number > self.numbers[partition].next + _LARGEST_GAP

    def _note(self, topic: str, record: Arrived, partition: int, number: int) -> None:
        if wrong := self.numbers[partition].add(f"{topic}[{record.partition}]", number):
            self.findings.add(wrong, f"{self.names.input}[{partition}]@{number} at {_place(topic, record)}")

    def _count(self, record: Arrived, tweet: Mapping[str, Any]) -> str | None:
        """Count an emotion, and its minute, hour and day; return what cannot be counted."""
        emotion = tweet.get("emotion")
        if not isinstance(emotion, str):
            return "there is no emotion"
        self.counts[record.partition][emotion] += 1
        try:
            self.periods.add(record.partition, tweet, {} if "created_at" in tweet else dict(record.headers))
        except (ValueError, KeyError, TypeError):
            return "there is no usable time"
        return None

    def state(self) -> dict[str, Any]:
        """Return the JSON object that `restore` reads."""
        return {
            "numbers": [numbers.state() for numbers in self.numbers],
            "counts": [dict(counts) for counts in self.counts],
            "periods": self.periods.state(),
            "reasons": dict(self.reasons),
            "labelled": self.labelled_records,
            "findings": self.findings.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue with the account of an earlier `state`."""
        self.numbers = [SeenNumbers.restored(each) for each in state["numbers"]]
        self.counts = [Counter(counts) for counts in state["counts"]]
        self.periods = PeriodFold.restored(state["periods"])
        self.reasons, self.labelled_records = Counter(state["reasons"]), state["labelled"]
        self.findings = Findings.restored(state["findings"])


def _place(topic: str, record: Arrived) -> str:
    return f"{topic}[{record.partition}]@{record.offset}"
