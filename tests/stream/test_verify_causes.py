"""verify names the cause of each difference that is made on a real Kafka and a real Redis, and a repair ends it."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition

from tests.servers import ApacheStack
from tests.stream.programs import StartWorker, verify
from tests.stream.test_lost_offsets import DONE_S, PARTITIONS, TWEETS, Stream
from worker.errors import ExitCode
from worker.settings import Settings
from worker.time_limits import TimeLimit
from worker.verify.finding import Explanation, Finding
from worker.verify.run import run_verify

NOWHERE: Final = "redis://127.0.0.1:1/0"

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


class Verified:
    """A stream whose worker has ended, and what verify says about it after a change."""

    def __init__(self, stream: Stream, settings: Settings) -> None:
        self.stream = stream
        self.settings = settings
        self.fields = [f"{stream.env['KAFKA_GROUP_ID']}|{stream.topic}|{number}" for number in range(PARTITIONS)]

    def wrong(self, *, fix: bool = False) -> dict[str, Explanation]:
        """Return the explanation of each subject that differs."""
        found = run_verify(self.settings, fix=fix, timeout_s=None)
        return {each.subject: _explanation(each) for each in found if not each.agrees}

    def causes(self) -> dict[str, str]:
        """Return the cause for each partition, for the totals and for all periods that differ."""
        subjects = {f"{self.stream.topic}[{number}]": str(number) for number in range(PARTITIONS)}
        subjects |= {"totals": "totals", "periods": "periods"}
        return {subjects[name]: why.cause for name, why in self.wrong().items() if name in subjects}

    def key(self, name: str) -> str:
        return self.stream.verifier.redis_key(name)

    def change(self, work: Callable[[Any], object]) -> None:
        with self.stream.verifier.redis() as client:
            work(client)


def _explanation(finding: Finding) -> Explanation:
    assert finding.explanation is not None, finding
    return finding.explanation


@pytest.fixture
def verified(apache_stack: ApacheStack, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> Verified:
    monkeypatch.setattr("worker.time_limits.VERIFY", TimeLimit(0.5, "soon"))
    stream = Stream(apache_stack, start_worker)
    for name, value in stream.env.items():
        monkeypatch.setenv(name, value)
    found = Verified(stream, Settings(_env_file=None))
    assert found.wrong() == {}
    return found


def test_what_happened_to_redis_is_named_and_a_repair_ends_it(verified: Verified) -> None:
    key, (first, second) = verified.key, verified.fields

    def repaired() -> bool:
        return verified.wrong(fix=True) == {}

    verified.change(lambda redis: redis.flushdb())
    assert verified.causes() == {"0": "redis_empty", "1": "redis_empty", "periods": "redis_empty"}
    assert repaired()

    verified.change(lambda redis: redis.hincrby(key("counts"), "joy", 5))
    assert verified.causes() == {"totals": "edited"}
    assert repaired()

    verified.change(lambda redis: redis.hset(key("partitions"), first, '{"joy":1}'))
    assert verified.causes() == {"0": "edited", "totals": "edited"}
    assert repaired()

    def restore_older_counts(redis: Any) -> None:
        redis.hset(key("partitions"), first, '{"joy":1}')
        redis.hset(key("fences"), first, "1:100")
        redis.hset(key("partitions"), second, '{"joy":1}')
        redis.hset(key("fences"), second, "99:100")
        redis.hset(key("counts"), "joy", 2)

    verified.change(restore_older_counts)
    assert verified.causes() == {"0": "redis_behind", "1": "stale_fence", "totals": "edited"}
    assert repaired()

    verified.change(lambda redis: (redis.hdel(key("partitions"), first), redis.hdel(key("fences"), first)))
    assert verified.causes() == {"0": "not_published", "totals": "edited"}
    assert repaired()

    verified.change(lambda redis: redis.hset(next(iter(redis.keys(key("day:*")))), "joy", 999))
    assert verified.causes() == {"periods": "edited"}
    assert repaired()

    gone = f"{second}7"
    verified.change(lambda redis: redis.hset(key("partitions"), gone, '{"joy":1}'))
    (why, _) = verified.wrong().values()
    assert why.cause == "partition_gone"
    assert repaired()

    verified.change(lambda redis: redis.hset(key("partitions"), "other|tweets|0", '{"joy":1}'))
    assert verified.wrong()["groups"].cause == "shared_prefix"


def test_what_happened_to_kafka_is_named(verified: Verified) -> None:
    stream = verified.stream
    stream.recreate(stream.env["KAFKA_OUTPUT_TOPIC"])
    lacks = dict.fromkeys(("0", "1", "periods"), "output_lacks_tweets")
    assert verified.causes() == lacks

    moved = [TopicPartition(stream.topic, 0, 100)]
    group = ConsumerGroupTopicPartitions(stream.env["KAFKA_GROUP_ID"], moved)
    for future in stream.admin.alter_consumer_group_offsets([group]).values():
        future.result(DONE_S)
    assert verified.causes()["0"] == "offset_moved"

    stream.delete_group()
    causes = verified.causes()
    assert (causes["0"], causes["1"]) == ("offsets_lost", "offsets_lost")

    stream.recreate(stream.topic)
    causes = verified.causes()
    assert (causes["0"], causes["1"]) == ("topic_recreated", "topic_recreated")

    stream.recreate(stream.env["KAFKA_CHECKPOINT_TOPIC"], {"cleanup.policy": "compact"})
    causes = verified.causes()
    assert (causes["0"], causes["1"]) == ("state_lost", "state_lost")


def test_an_open_transaction_holds_back_the_recount_and_is_no_loss(verified: Verified) -> None:
    stream = verified.stream
    other = Producer({"bootstrap.servers": stream.stack.bootstrap, "transactional.id": stream.topic})
    other.init_transactions(DONE_S)
    other.begin_transaction()
    other.produce(stream.env["KAFKA_OUTPUT_TOPIC"], b"held", partition=0)
    assert other.flush(DONE_S) == 0
    stream.publish(100)
    stream.run()
    assert verified.causes() == {"0": "output_blocked", "periods": "output_blocked"}
    other.abort_transaction(DONE_S)
    assert verified.wrong() == {}


def test_the_advice_depends_on_whether_a_worker_owns_the_partition(verified: Verified) -> None:
    stream = verified.stream
    stream.publish(100)
    worker = stream.start(REDIS_URL=NOWHERE)
    worker.wait_ready()
    stream.verifier.wait_until_done(DONE_S)
    with_worker = verified.wrong()[f"{stream.topic}[0]"]
    assert (with_worker.cause, "a worker owns the partition" in with_worker.evidence) == ("redis_behind", True)
    assert "its log says why" in with_worker.advice
    assert worker.terminate() == ExitCode.OK
    without = verified.wrong()[f"{stream.topic}[0]"]
    assert (without.cause, "no worker owns the partition" in without.evidence) == ("redis_behind", True)
    assert "start a worker" in without.advice


def test_the_program_prints_the_cause_and_ends_in_time(verified: Verified) -> None:
    env = verified.stream.env
    verified.change(lambda redis: redis.hincrby(verified.key("counts"), "joy", 5))
    found = verify(env, "--timeout", "20")
    assert found.code == ExitCode.DIFFERENCE
    lines = found.out.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("WRONG totals")]
    assert lines[at + 1].startswith("      cause: edited (")
    assert "do: start a worker" in lines[at + 1]
    assert verify(env, "--repair", "--timeout", "60").code == ExitCode.OK
    assert sum(verified.stream.verifier.redis_totals().values()) == TWEETS
