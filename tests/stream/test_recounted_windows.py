"""verify's recount of minutes, hours and days on a real Kafka: one pass, also where records were deleted."""

import json
import math
import time
from collections.abc import Mapping
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition

from tests.servers import ApacheStack, Stack, publish, unique_topics
from tests.servers.topics import Message
from tests.worker.test_verify_windows import WindowsInKafka
from tweets.headers import INPUT_TIMESTAMP
from tweets.periods import Cells, Period
from tweets.records import Partition
from tweets.timestamps import rfc3339_ms
from worker.kafka.committed import CommittedReader
from worker.redis.contributions import Contribution, Fence
from worker.redis.window_store import WindowStore
from worker.settings import Settings
from worker.verify.windows import WindowsCheck
from worker.windows.recount import WindowRecount

pytestmark = pytest.mark.timeout(120)

NOW_MS = int(time.time()) * 1000
HOUR_MS = 3_600_000


def labelled(event_ms: int, emotion: str, *topics: str, partition: int = 0, created: bool = True) -> Message:
    """Return a record of the output topic; without `created_at` the input record has the event time."""
    fields: dict[str, Any] = {
        "id": "1",
        "text": "a",
        "emotion": emotion,
        "confidence": 0.5,
        "scores": {emotion: 0.5},
        "model": "m",
        "classified_at": rfc3339_ms(NOW_MS),
    }
    if topics:
        fields["topics"] = topics
    if created:
        fields["created_at"] = rfc3339_ms(event_ms)
    headers = ((INPUT_TIMESTAMP, str(NOW_MS if created else event_ms).encode()),)
    return Message(json.dumps(fields).encode(), headers=headers, partition=partition)


def settings_of(env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return Settings(_env_file=None)


def published_tweets() -> list[Message]:
    return [
        labelled(NOW_MS - 4 * HOUR_MS, "joy", "x"),
        labelled(NOW_MS - 2 * HOUR_MS, "joy", "x", "y"),
        labelled(NOW_MS - 4 * HOUR_MS, "fear", "x"),  # late
        labelled(NOW_MS - 2 * HOUR_MS, "fear", created=False),
        labelled(NOW_MS + 1000 * HOUR_MS, "love"),  # a wrong clock: counts at classified_at
        labelled(NOW_MS, "joy", "x", partition=1),
    ]


def test_the_recount_counts_each_output_partition_in_its_order_and_redis_agrees(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = unique_topics(stack, 2)
    settings = settings_of(env, monkeypatch)
    publish(stack, env["KAFKA_OUTPUT_TOPIC"], published_tweets())
    recount = WindowRecount(settings.window_limits(), now_ms=NOW_MS)
    with CommittedReader(settings, recount) as reader:
        for _ in range(2):  # the second reads nothing again
            counts = reader.recount([0, 1])
    assert {n: dict(each.totals) for n, each in counts.items() if each} == {
        0: {"joy": 2, "fear": 2, "love": 1},
        1: {"joy": 1},
    }
    expected: dict[Period, Cells] = {
        Period.of("minute", NOW_MS - 4 * HOUR_MS): {("", "joy"): 1, ("x", "joy"): 1},
        Period.of("hour", NOW_MS - 2 * HOUR_MS): {("", "joy"): 1, ("x", "joy"): 1, ("y", "joy"): 1, ("", "fear"): 1},
        Period.of("minute", NOW_MS): {("", "love"): 1},
    }
    assert {period: recount.cells(0, period) for period in expected} == expected
    assert_redis_agrees_once_all_is_published(env["KAFKA_INPUT_TOPIC"], settings, recount)


def assert_redis_agrees_once_all_is_published(topic: str, settings: Settings, recount: WindowRecount) -> None:
    partitions = [Partition(topic, number) for number in range(2)]
    store = WindowStore.of(settings)
    check = WindowsCheck(recount, WindowsInKafka(dict.fromkeys(partitions, 0)), store)
    assert not all(finding.agrees for finding in check.findings(partitions))
    for period in store.kept():
        sent = {
            p: Contribution.of(Fence(1, 6), cells) for p in partitions if (cells := recount.cells(p.number, period))
        }
        if sent:
            store.publish(period, sent)
    findings = check.findings(partitions)
    assert all(finding.agrees for finding in findings), findings
    store.close()


def test_where_records_were_deleted_only_later_minutes_are_complete(
    apache_stack: ApacheStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = unique_topics(apache_stack, 1)
    settings, topic = settings_of(env, monkeypatch), env["KAFKA_OUTPUT_TOPIC"]
    publish(apache_stack, topic, [labelled(NOW_MS, "joy")] * 5)
    delete_before(env, 3)
    recount = WindowRecount(settings.window_limits(), now_ms=NOW_MS)
    with CommittedReader(settings, recount) as reader:
        assert reader.recount([0]) == {0: None}
        assert recount.cells(0, Period.of("minute", NOW_MS)) == {("", "joy"): 2}
        assert recount.complete_from(0) == NOW_MS // 60_000 + 6
        delete_before(env, 5)  # all of it was read
        assert reader.recount([0]) == {0: None}
        assert recount.complete_from(0) == NOW_MS // 60_000 + 6
        publish(apache_stack, topic, [labelled(NOW_MS, "joy")] * 2)
        delete_before(env, 7)  # nothing of it was read, and nothing is left
        reader.recount([0])
        assert math.isinf(recount.complete_from(0))


def delete_before(env: Mapping[str, str], offset: int) -> None:
    """Delete the records of partition 0 of the output topic before this offset, as retention does."""
    admin = KafkaAdminClient(bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"])
    try:
        admin.delete_records({TopicPartition(env["KAFKA_OUTPUT_TOPIC"], 0): offset})
    finally:
        admin.close()
