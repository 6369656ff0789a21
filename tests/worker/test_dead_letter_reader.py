"""The reader of the dead-letter topic over a fake consumer: its chunks, its ends, and a topic that gives nothing."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition, errors
from kafka.structs import OffsetAndMetadata

from tests.worker.letters import DEAD, a_letter
from tweets.records import Record
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.checkpoints import Values
from worker.kafka.dead_letters import DeadLetterReader, copy_key
from worker.membership import CommittedOffset
from worker.settings import Settings
from worker.time_limits import TimeLimit

P0, P1 = TopicPartition(DEAD, 0), TopicPartition(DEAD, 1)


class FakeConsumer:
    """Answers each poll with the next of `polls`: records, and the positions after the poll."""

    def __init__(self, **configs: Any) -> None:
        self.configs = configs
        self.polls: list[tuple[list[Record], dict[TopicPartition, int]] | Exception] = []
        self.topics = {DEAD: {1, 0}, "tweets": {0, 1, 2}}
        self.committed: dict[TopicPartition, OffsetAndMetadata] = {}
        self.assigned: list[TopicPartition] = []
        self.closed = False
        self._positions: dict[TopicPartition, int] = {}
        self._fetcher = SimpleNamespace()
        self._coordinator = SimpleNamespace(fetch_committed_offsets=lambda _asked, timeout_ms: self.committed)
        self.ids: dict[str, str] = {}
        self._client = SimpleNamespace(cluster=SimpleNamespace(topic_id=self.ids.get))
        self._subscription = SimpleNamespace(assignment=self)

    def get(self, partition: TopicPartition) -> Any:
        """Return what the subscription has of a partition."""
        return SimpleNamespace(position=SimpleNamespace(offset=self._positions[partition]))

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return self.topics.get(topic)

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.assigned = list(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        if not self.polls:
            return {}
        answer = self.polls.pop(0)
        if isinstance(answer, Exception):
            raise answer
        records, positions = answer
        self._positions |= positions
        found: dict[TopicPartition, list[Record]] = {}
        for record in records:
            found.setdefault(TopicPartition(*record.partition), []).append(record)
        return found

    def beginning_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 2)

    def end_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 9)

    def close(self, autocommit: bool) -> None:
        self.closed = not autocommit


@pytest.fixture
def consumers(monkeypatch: pytest.MonkeyPatch) -> list[FakeConsumer]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    made: list[FakeConsumer] = []

    def consumer(**configs: Any) -> FakeConsumer:
        made.append(FakeConsumer(**configs))
        return made[-1]

    monkeypatch.setattr("worker.kafka.dead_letters.Consumer", consumer)
    return made


def a_reader(group: str | None = None) -> DeadLetterReader:
    return DeadLetterReader(Settings(_env_file=None), group)


def test_a_reader_without_a_group_asks_for_no_permission_of_a_group(consumers: list[FakeConsumer]) -> None:
    with a_reader() as reader:
        assert reader.partitions() == [0, 1]
        assert reader.ranges([1, 0]) == {0: (2, 9), 1: (2, 9)}
    assert consumers[0].configs["group_id"] is None
    assert consumers[0].configs["isolation_level"] == "read_committed"
    assert consumers[0].closed


def test_records_come_up_to_the_end_and_positions_pass_what_has_no_records(consumers: list[FakeConsumer]) -> None:
    reader = a_reader()
    first, second, later = a_letter(offset=5), a_letter(offset=0, partition=1), a_letter(offset=9)
    consumers[0].polls = [
        ([first], {P0: 6}),
        ([], {}),
        ([later, second], {P0: 10, P1: 3}),
    ]
    chunks = [(chunk.records, dict(chunk.read_to)) for chunk in reader.read({0: (5, 9), 1: (0, 3)})]
    assert chunks == [([first], {0: 6}), ([second], {0: 9, 1: 3})]
    assert consumers[0].assigned == [P0, P1]


def test_what_was_read_before_or_lies_after_the_end_does_not_come(consumers: list[FakeConsumer]) -> None:
    reader = a_reader()
    before, wanted, after = (a_letter(offset=offset) for offset in (4, 5, 6))
    consumers[0].polls = [([before], {}), ([after, wanted, before], {P0: 7}), ([a_letter(offset=6)], {P1: 2})]
    chunks = [(chunk.records, dict(chunk.read_to)) for chunk in reader.read({0: (5, 6), 1: (0, 2)})]
    assert chunks == [([wanted], {0: 6}), ([], {1: 2})]


def test_a_client_that_starts_anew_ends_the_command(consumers: list[FakeConsumer]) -> None:
    reader = a_reader()
    consumers[0].polls = [([a_letter(offset=0)], {P0: 1})]
    with pytest.raises(TransientError, match=r"tweets\.dead-letter\[0\]: the client reads at 1 again, after 5"):
        list(reader.read({0: (5, 9)}))


def test_the_second_copies_are_read_to_the_end_of_open_transactions(
    consumers: list[FakeConsumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = a_reader("group")
    consumers[0].topics["tweets.checkpoints"] = {0}
    at = TopicPartition("tweets.checkpoints", 0)
    asked: list[Any] = []

    def values(_consumer: Any, ranges: Any, keys: Any) -> dict[TopicPartition, Values]:
        asked.append((ranges, keys))
        return {at: Values({"": b"copy"})}

    monkeypatch.setattr(
        "worker.kafka.dead_letters.uncommitted_ends", lambda _settings, wanted: dict.fromkeys(wanted, 20)
    )
    monkeypatch.setattr("worker.kafka.dead_letters.read_values", values)
    assert reader.copies([0, 1]) == {0: b"copy"}
    assert asked == [({at: (2, 20)}, {at: copy_key("group", DEAD, 0)})]


def test_the_id_of_the_topic_is_empty_where_the_broker_gives_none(consumers: list[FakeConsumer]) -> None:
    reader = a_reader()
    assert reader.topic_id() == ""
    consumers[0].ids[DEAD] = "a-b"
    assert reader.topic_id() == "a-b"


def test_an_empty_range_is_not_read(consumers: list[FakeConsumer]) -> None:
    assert list(a_reader().read({0: (9, 9), 1: (3, 0)})) == []
    assert consumers[0].assigned == []


def test_a_topic_that_gives_nothing_ends_the_command_with_its_position(
    consumers: list[FakeConsumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.time_limits.DEAD_LETTERS", TimeLimit(0, "nothing arrives"))
    with pytest.raises(TransientError, match=r"tweets\.dead-letter\[0\]@5: nothing could be read"):
        list(a_reader().read({0: (5, 9)}))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (errors.TopicAuthorizationFailedError(DEAD), FatalError, f"grant READ on the topic {DEAD}"),
        (errors.CorruptRecordError("damaged"), TransientError, "damaged"),
        (OSError("closed"), TransientError, "closed"),
    ],
)
def test_errors_of_the_client_are_translated(
    consumers: list[FakeConsumer], error: Exception, kind: type[Exception], words: str
) -> None:
    reader = a_reader()
    consumers[0].polls = [error]
    with pytest.raises(kind, match=words):
        list(reader.read({0: (5, 9)}))


def test_a_missing_topic_is_named(consumers: list[FakeConsumer]) -> None:
    reader = a_reader()
    with pytest.raises(FatalError, match=r"topic tweets\.checkpoints does not exist") as caught:
        reader.partitions("tweets.checkpoints")
    assert caught.value.exit_code is ExitCode.TOPICS


def test_committed_offsets_have_their_metadata(consumers: list[FakeConsumer]) -> None:
    reader = a_reader("group")
    consumers[0].committed = {P1: OffsetAndMetadata(7, None), P0: OffsetAndMetadata(3, "filters")}
    assert reader.committed([0, 1]) == {1: CommittedOffset(7, ""), 0: CommittedOffset(3, "filters")}
