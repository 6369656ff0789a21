"""create-topics beside another program that creates, grows or deletes the same topics."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import InvalidPartitionsError, TopicAlreadyExistsError

from worker.errors import TransientError
from worker.kafka.topics import Topics
from worker.settings import Settings

INPUT, OUTPUT, DEAD_LETTERS, CHECKPOINTS = "tweets", "tweets.emotions", "tweets.dead-letter", "tweets.checkpoints"


class FakeAdmin:
    """A cluster; `before` is what another program does just before a request is answered."""

    def __init__(self, topics: dict[str, int]) -> None:
        self.topics = topics
        self.before: dict[str, Callable[[], Any]] = {}

    def describe_topics(self, names: Iterable[str]) -> list[dict[str, Any]]:
        return [
            {"name": name, "error_code": 0, "partitions": [{}] * self.topics[name]}
            for name in names
            if name in self.topics
        ]

    def describe_configs(self, _resources: object, config_filter: str) -> dict[str, Any]:
        return {}

    def create_topics(self, topics: dict[str, dict[str, Any]], *, raise_errors: bool) -> dict[str, Any]:
        ((topic, options),) = topics.items()
        self.before.pop(topic, lambda: None)()
        if topic in self.topics:
            return {"topics": [{"error_code": TopicAlreadyExistsError.errno}]}
        self.topics[topic] = options["num_partitions"]
        return {"topics": [{"error_code": 0}]}

    def create_partitions(self, topics: dict[str, int], *, raise_errors: bool) -> SimpleNamespace:
        ((topic, partitions),) = topics.items()
        self.before.pop(topic, lambda: None)()
        refused = partitions <= self.topics[topic]
        self.topics[topic] = max(partitions, self.topics[topic])
        code = InvalidPartitionsError.errno if refused else 0
        return SimpleNamespace(results=[SimpleNamespace(error_code=code, error_message=None)])

    def wait_for_topics(self, _names: list[str]) -> None:
        """Wait for nothing."""


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> FakeAdmin:
    admin = FakeAdmin({INPUT: 4, OUTPUT: 4, DEAD_LETTERS: 4, CHECKPOINTS: 4})
    monkeypatch.setattr(Topics, "_admin", lambda _: nullcontext(admin))
    return admin


def create(partitions: int = 4) -> list[str]:
    topics = Topics(Settings(_env_file=None))
    return list(topics.create(partitions=partitions, replication_factor=1, max_message_bytes=None))


@pytest.mark.parametrize("topic", [OUTPUT, DEAD_LETTERS, CHECKPOINTS])
def test_a_topic_that_another_program_created_too_small_is_grown(admin: FakeAdmin, topic: str) -> None:
    del admin.topics[topic]
    admin.before[topic] = lambda: admin.topics.update({topic: 1})
    assert f"{topic}: exists, grown from 1 to 4 partitions" in create()
    assert admin.topics[topic] == 4


def test_a_topic_that_another_program_created_large_enough_is_left(admin: FakeAdmin) -> None:
    del admin.topics[OUTPUT]
    admin.before[OUTPUT] = lambda: admin.topics.update({OUTPUT: 6})
    assert f"{OUTPUT}: exists, 6 partitions" in create()


def test_the_others_follow_an_input_topic_that_another_program_created(admin: FakeAdmin) -> None:
    del admin.topics[INPUT]
    admin.before[INPUT] = lambda: admin.topics.update({INPUT: 8})
    lines = create(partitions=2)
    assert lines[0] == f"{INPUT}: exists, 8 partitions"
    assert admin.topics == {INPUT: 8, OUTPUT: 8, DEAD_LETTERS: 8, CHECKPOINTS: 8}


def test_partitions_that_another_program_added_meanwhile_are_not_a_fault(admin: FakeAdmin) -> None:
    admin.topics[OUTPUT] = 1
    admin.before[OUTPUT] = lambda: admin.topics.update({OUTPUT: 4})
    assert f"{OUTPUT}: exists, 4 partitions" in create()


def test_a_topic_that_is_deleted_meanwhile_is_named(admin: FakeAdmin, monkeypatch: pytest.MonkeyPatch) -> None:
    del admin.topics[OUTPUT]
    monkeypatch.setattr(admin, "wait_for_topics", lambda names: [admin.topics.pop(name) for name in names])
    admin.before[OUTPUT] = lambda: admin.topics.update({OUTPUT: 1})
    with pytest.raises(TransientError, match=f"topic {OUTPUT} was deleted meanwhile"):
        create()


def test_missing_topics_are_created_as_wide_as_the_input_topic(admin: FakeAdmin) -> None:
    admin.topics.clear()
    assert create(partitions=3) == [
        f"{topic}: created, 3 partitions" for topic in (INPUT, OUTPUT, DEAD_LETTERS, CHECKPOINTS)
    ]
    assert create() == [f"{topic}: exists, 3 partitions" for topic in (INPUT, OUTPUT, DEAD_LETTERS, CHECKPOINTS)]


def test_the_largest_record_of_the_input_topic_needs_no_permission_on_another_topic(
    admin: FakeAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def describe_configs(resources: Iterable[Any], config_filter: str) -> dict[str, Any]:
        asked.extend(each.name for each in resources)
        return {"topic": {INPUT: {"max.message.bytes": {"value": "7000"}}}}

    monkeypatch.setattr(admin, "describe_configs", describe_configs)
    assert Topics(Settings(_env_file=None)).input_max_bytes() == 7_000
    assert asked == [INPUT]
