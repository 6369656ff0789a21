"""Minutes, hours and days on the checkpoint topic, whatever worker counted them: they agree with the output topic."""

import json
import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from tests.servers import ApacheStack, Message, Stack, publish, read_committed, settings_of, unique_topics
from tests.stream.programs import StartWorker, run_program
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from tests.window_topic import fold
from tweets.event_time import labelled_event_time_ms
from tweets.labelled_tweet import decode
from tweets.periods import Cells, CountedTweet, Period
from tweets.records import Partition
from worker.errors import ExitCode, TransientError
from worker.kafka.checkpoints import read_checkpoints_with_windows
from worker.kafka.window_records import read_closed_periods, read_open_windows, read_windows

DONE_S: Final = 120.0
PARTITIONS: Final = 3
TWEETS: Final = 600
START_S: Final = datetime.now(UTC).timestamp() - 4 * 3600
LATE_MS: Final = 60 * 60_000

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


def tweets(number: int, *, first_minute: int, seed: int) -> list[Message]:
    """Return tweets of two hours, out of order by up to 50 minutes and some by four hours."""
    rng = random.Random(seed)
    dated = []
    for index, message in enumerate(sample_tweets(number, partitions=PARTITIONS)):
        minute = first_minute + 120 * index // number - rng.choice([rng.randrange(50), rng.randrange(50), 240])
        moment = datetime.fromtimestamp(START_S + 60 * minute + rng.randrange(60), UTC).isoformat()
        value = json.loads(message.value or b"") | {"created_at": moment}
        dated.append(Message(json.dumps(value).encode(), message.key, partition=message.partition))
    return dated


def expected(stack: Stack, env: Mapping[str, str]) -> dict[tuple[Partition, Period], Cells]:
    """Return the fold of the output topic, by another client and in another way than the worker's."""
    counted: dict[int, list[CountedTweet]] = {}
    for record in sorted(read_committed(stack, env["KAFKA_OUTPUT_TOPIC"]), key=lambda record: record.offset or 0):
        tweet = decode(record.value)
        event_ms = labelled_event_time_ms(tweet, record.headers)
        counted.setdefault(record.partition or 0, []).append(CountedTweet(event_ms, tweet.emotion, ()))
    return {
        (Partition(env["KAFKA_INPUT_TOPIC"], number), period): dict(cells)
        for number, each in counted.items()
        for period, cells in fold(each, LATE_MS)[0].items()
    }


def stored(env: Mapping[str, str]) -> dict[tuple[Partition, Period], Cells]:
    settings = settings_of(env)
    partitions = [Partition(env["KAFKA_INPUT_TOPIC"], number) for number in range(PARTITIONS)]
    assert all(windows.complete_from == 0 for windows in read_windows(settings, partitions).values())
    current = {
        (partition, period): cells
        for partition, update in read_open_windows(settings, partitions).items()
        for period, cells in update.periods.items()
    }
    closed = {(partition, period): cells for partition, period, cells in read_closed_periods(settings, partitions)}
    assert len(closed) > PARTITIONS * 40, "most minutes have closed"
    assert all(current.get(each, cells) == cells for each, cells in closed.items())
    return closed | current


def test_a_second_worker_continues_with_the_minutes_of_the_first(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, PARTITIONS)
    for round_, first_minute in enumerate((0, 60, 120)):
        publish(stack, env["KAFKA_INPUT_TOPIC"], tweets(TWEETS, first_minute=first_minute, seed=round_))
        worker = start_worker({**env, "BATCH_MAX_TWEETS": "50"})
        worker.wait_ready()
        Verifier(stack, env).wait_until_done(DONE_S)
        assert worker.terminate() == ExitCode.OK
        assert stored(env) == expected(stack, env)


def test_workers_that_are_killed_lose_no_minute(apache_stack: ApacheStack, start_worker: StartWorker) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    verifier = Verifier(apache_stack, env)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets(6 * TWEETS, first_minute=0, seed=7))
    for committed in (300, 1_200, 2_000):
        worker = start_worker({**env, "BATCH_MAX_TWEETS": "20", "WORKER_ID": "w-0"})
        verifier.wait_until_committed(committed, DONE_S)
        worker.kill()
    last = start_worker({**env, "WORKER_ID": "w-0"})
    verifier.wait_until_done(DONE_S)
    assert last.terminate() == ExitCode.OK
    assert stored(env) == expected(apache_stack, env)


def test_an_imported_state_leaves_the_closed_periods_and_the_next_worker_continues_with_them_as_incomplete(
    apache_stack: ApacheStack, start_worker: StartWorker, tmp_path: Path
) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets(TWEETS, first_minute=0, seed=5))
    first = start_worker(env)
    first.wait_ready()
    Verifier(apache_stack, env).wait_until_done(DONE_S)
    assert first.terminate() == ExitCode.OK
    settings = settings_of(env)
    asked = [Partition(env["KAFKA_INPUT_TOPIC"], number) for number in range(PARTITIONS)]
    before = read_windows(settings, asked)
    file = tmp_path / "state.json"
    file.write_text(run_program(env, "export-state").out)
    admin = AdminClient({"bootstrap.servers": apache_stack.bootstrap})
    for future in admin.delete_consumer_groups([env["KAFKA_GROUP_ID"]]).values():
        future.result(DONE_S)
    assert run_program(env, "import-state", str(file), "--replace").code == ExitCode.OK

    second = start_worker(env)
    second.wait_ready()
    assert second.terminate() == ExitCode.OK
    assert "up to another commit than the last one" in second.log
    after = read_windows(settings, asked)
    for partition in asked:
        assert (before[partition].complete_from, len(before[partition].closed) > 40) == (0, True)
        assert after[partition].complete_from > START_S // 60
        assert after[partition].closed == before[partition].closed
        assert after[partition].minutes == before[partition].minutes


def test_an_open_transaction_of_another_worker_does_not_hold_up_a_restore(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets(TWEETS, first_minute=0, seed=3))
    worker = start_worker(env)
    worker.wait_ready()
    Verifier(apache_stack, env).wait_until_done(DONE_S)
    assert worker.terminate() == ExitCode.OK
    producer = Producer({"bootstrap.servers": apache_stack.bootstrap, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(DONE_S)
    producer.begin_transaction()
    key = f"{env['KAFKA_GROUP_ID']}|{env['KAFKA_INPUT_TOPIC']}|0"
    producer.produce(env["KAFKA_CHECKPOINT_TOPIC"], b"{}", key, partition=0)
    producer.flush(DONE_S)

    settings = settings_of(env)
    asked = [Partition(env["KAFKA_INPUT_TOPIC"], number) for number in range(PARTITIONS)]
    found = read_checkpoints_with_windows(settings, asked, lambda _partition, state: state is not None)
    assert all(found[partition].windows for partition in asked)
    with pytest.raises(TransientError, match="nothing could be read for"):
        read_windows(settings, asked)
    producer.abort_transaction(DONE_S)
    for partition, windows in read_windows(settings, asked).items():
        before = found[partition].windows
        assert before is not None
        assert (windows.minutes, windows.totals) == (before.minutes, before.totals)
