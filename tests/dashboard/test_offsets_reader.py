"""Reading offsets while the group has no coordinator: the lag is unknown, and the next read asks again."""

from types import SimpleNamespace
from typing import Any

import pytest
from kafka import errors

from dashboard import offsets_reader
from dashboard.offsets_reader import OffsetsReader
from worker.errors import TransientError
from worker.settings import Settings


class FakeAdmin:
    """A fake of kafka-python's admin client, on topics of one partition whose end is 7."""

    def __init__(self, **_: Any) -> None:
        self.faults: list[Exception] = []
        self.cluster = SimpleNamespace(_coordinators={"group": 1})
        self._manager = SimpleNamespace(cluster=self.cluster)

    def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]:
        return [{"name": topic, "partitions": [{"partition_index": 0}]} for topic in topics]

    def list_partition_offsets(self, specs: dict[Any, Any], **_: Any) -> dict[Any, Any]:
        return {partition: SimpleNamespace(offset=7) for partition in specs}

    def list_group_offsets(self, asked: dict[str, list[Any]]) -> dict[str, dict[Any, Any]]:
        if self.faults:
            raise self.faults.pop(0)
        return {group: {each: SimpleNamespace(offset=9) for each in partitions} for group, partitions in asked.items()}


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> FakeAdmin:
    admin = FakeAdmin()
    monkeypatch.setattr(offsets_reader, "KafkaAdminClient", lambda **_: admin)
    return admin


@pytest.mark.parametrize(
    "error",
    [errors.CoordinatorNotAvailableError(), errors.NotCoordinatorError(), errors.CoordinatorLoadInProgressError()],
    ids=lambda error: type(error).__name__,
)
def test_without_a_coordinator_the_committed_offsets_are_unknown_until_the_next_read(
    admin: FakeAdmin, error: Exception
) -> None:
    reader = OffsetsReader(Settings(_env_file=None))
    admin.faults = [error]
    assert reader.read().committed is None
    assert admin.cluster._coordinators == {}
    assert reader.read().committed == {0: 9}


def test_any_other_error_needs_a_new_reader(admin: FakeAdmin) -> None:
    reader = OffsetsReader(Settings(_env_file=None))
    admin.faults = [errors.RequestTimedOutError()]
    with pytest.raises(TransientError):
        reader.read()
