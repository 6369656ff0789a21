"""The publishing thread on real servers that are wiped, killed, failed over and moved: Redis has all periods again."""

import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import LOOPBACK
from tests.redis_server import RedisServer, needs_redis_server, one_address, running
from tests.servers import eventually
from tests.worker.test_redis_sentinel_and_cluster import Cluster
from tests.worker.window_truth import P0, P1, PREFIX, Truth, store_of, stored_sums, sums, this
from tests.worker.windows_in_memory import ClosedInKafka
from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.process.metrics import Metrics
from worker.process.stop import StopFlag
from worker.redis.windows_publisher import WindowsPublisher
from worker.time_limits import TimeLimit
from worker.windows.state import WindowUpdate

pytestmark = [needs_redis_server, pytest.mark.timeout(120)]

AGAIN_S = 20.0
OPEN_MINUTES = 5
LATE_MS = OPEN_MINUTES * 60_000


class Owner:
    """A worker that owns partitions, counts tweets in its newest minutes, and closes the older ones."""

    def __init__(
        self, url: str, *partitions: Partition, generation: int = 1, kafka: ClosedInKafka | None = None
    ) -> None:
        self.chance = random.Random(14)
        self.kafka = kafka or ClosedInKafka()
        self.open: Truth = {partition: {} for partition in partitions}
        self.minute = this(back=40)
        self.generation, self.offset = generation, 0
        self.stop = StopFlag()
        self.store = store_of(url)
        self.publisher = WindowsPublisher(
            self.store, Metrics(), self.stop.fail, read_closed=self.kafka, late_ms=LATE_MS
        )
        self.publisher.start()
        self.assign()

    @property
    def truth(self) -> Truth:
        return {p: self.kafka.periods.get(p, {}) | self.open[p] for p in self.open}

    def assign(self, *, complete_since: int | None = None) -> None:
        """Own the partitions, with the open periods, and all that have closed if they are complete since an offset."""
        held = self.open if complete_since is None else self.truth
        self.publisher.assign(
            {p: WindowUpdate(self.generation, self.offset, dict(held[p]), complete_since) for p in self.open}
        )

    def commit(self) -> None:
        """Count some tweets of one partition; now and then a new minute begins, and the oldest one closes.

        The hour and the day close with their last minute.
        """
        self.offset += 1
        if self.chance.random() < 0.3 and self.minute.number < this().number:
            self.minute = Period("minute", self.minute.number + 1)
            self._close(self.minute.number - OPEN_MINUTES)
        partition = self.chance.choice(list(self.open))
        minute = Period("minute", self.minute.number - self.chance.randrange(OPEN_MINUTES - 1))
        changed: dict[Period, Cells] = {}
        for period in (minute, minute.within("hour"), minute.within("day")):
            cells = dict(self.open[partition].get(period, {}))
            emotion = self.chance.choice(["joy", "fear"])
            for subject in ("", self.chance.choice(["x", "y"])):
                cells[subject, emotion] = cells.get((subject, emotion), 0) + 1
            self.open[partition][period] = changed[period] = cells
        self.publisher.publish({partition: WindowUpdate(self.generation, self.offset, changed)})

    def _close(self, number: int) -> None:
        for partition, periods in self.open.items():
            for period in [each for each in periods if each.end_ms <= Period("minute", number).end_ms]:
                self.kafka.periods.setdefault(partition, {})[period] = periods.pop(period)

    def close(self) -> None:
        self.publisher.close(5)
        assert self.stop.failure is None


@pytest.fixture
def owner(servers: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Owner]:
    for name, seconds in (("REDIS_RETRY_PAUSE", 0.1), ("WINDOWS_PUSH", 0.02), ("REPUBLISH", 0.2)):
        monkeypatch.setattr(f"worker.time_limits.{name}", TimeLimit(seconds, "short"))

    def started(url: str, *partitions: Partition, **options: Any) -> Owner:
        owner = Owner(url, *partitions, **options)
        servers.callback(owner.close)
        return owner

    return started


def wait_until_equal(client: Any, *owners: Owner) -> None:
    expected: Truth = {partition: periods for owner in owners for partition, periods in owner.truth.items()}
    assert any(expected.values())
    eventually(lambda: _sums(client) == sums(expected), AGAIN_S, "Redis has all periods")
    marks = {f"g|{p.topic}|{p.number}": f"{owner.generation}:" for owner in owners for p in owner.open}

    def marked() -> bool:
        stored = client.hgetall(f"{PREFIX}:windows:published")
        return all(
            stored.get(name, "").startswith(begin) and not stored[name].endswith("-1") for name, begin in marks.items()
        )

    eventually(marked, AGAIN_S, "every partition is marked")


def _sums(client: Any) -> Any:
    try:
        return stored_sums(client)
    except AssertionError:  # the key was wiped between two commands of this client
        return None


def test_a_redis_that_is_wiped_again_and_again_has_all_periods(
    tmp_path: Path, servers: ExitStack, owner: Callable[..., Owner]
) -> None:
    server = servers.enter_context(running(tmp_path))
    first, second = owner(server.url, P0), owner(server.url, P1)
    with server.client() as client:
        for _ in range(4):
            for _ in range(60):
                first.commit()
                second.commit()
                if first.chance.random() < 0.02:
                    client.flushall()
            wait_until_equal(client, first, second)
            client.flushall()
        wait_until_equal(client, first, second)


def test_a_redis_that_is_killed_and_comes_back_empty_has_all_periods(
    tmp_path: Path, servers: ExitStack, owner: Callable[..., Owner]
) -> None:
    server = RedisServer(tmp_path)
    worker = owner(server.url, P0, P1)
    for _ in range(50):
        worker.commit()
    with server.client() as client:
        wait_until_equal(client, worker)
    server.stop()
    for _ in range(50):
        worker.commit()
    again = RedisServer(tmp_path, port=server.port)
    servers.callback(again.stop)
    with again.client() as client:
        wait_until_equal(client, worker)


def test_after_a_failover_behind_one_address_the_new_master_has_all_periods(
    tmp_path: Path, servers: ExitStack, owner: Callable[..., Owner]
) -> None:
    first = servers.enter_context(running(tmp_path))
    second = servers.enter_context(running(tmp_path, "--replicaof", LOOPBACK, str(first.port)))
    proxy, url = servers.enter_context(one_address(tmp_path, first.port))
    worker = owner(url, P0, P1)
    for old, new in ((first, second), (second, first)):
        for _ in range(50):
            worker.commit()
        with old.client() as demoted, new.client() as promoted:
            wait_until_equal(demoted, worker)
            promoted.execute_command("REPLICAOF", "NO", "ONE")  # some of the last pushes may be missing there
            for _ in range(20):
                worker.commit()
            proxy.target_port = new.port
            demoted.execute_command("REPLICAOF", LOOPBACK, new.port)
            wait_until_equal(promoted, worker)


def test_the_next_owner_publishes_what_a_killed_one_had_only_committed(
    tmp_path: Path, servers: ExitStack, owner: Callable[..., Owner]
) -> None:
    server = servers.enter_context(running(tmp_path))
    killed = owner(server.url, P0)
    with server.client() as client:
        for _ in range(50):
            killed.commit()
        wait_until_equal(client, killed)
        killed.publisher.close(5)
        for _ in range(50):  # committed, but the process ends before they are published
            killed.commit()
        following = owner(server.url, generation=2, kafka=killed.kafka)
        following.open, following.offset = killed.open, killed.offset
        following.assign()
        wait_until_equal(client, following)


def test_the_next_owner_that_has_all_since_the_marker_reads_no_closed_periods(
    tmp_path: Path, servers: ExitStack, owner: Callable[..., Owner]
) -> None:
    server = servers.enter_context(running(tmp_path))
    killed = owner(server.url, P0)
    with server.client() as client:
        for _ in range(50):
            killed.commit()
        wait_until_equal(client, killed)
        killed.publisher.close(5)
        published, reads = killed.offset, len(killed.kafka.reads)
        for _ in range(50):
            killed.commit()
        following = owner(server.url, generation=2, kafka=killed.kafka)
        following.open, following.offset = killed.open, killed.offset
        following.assign(complete_since=published)
        wait_until_equal(client, following)
        assert len(killed.kafka.reads) == reads


def test_a_key_of_another_program_stops_only_its_period(
    tmp_path: Path, servers: ExitStack, owner: Callable[..., Owner]
) -> None:
    server = servers.enter_context(running(tmp_path))
    with server.client() as client:
        key = f"{PREFIX}:topic:x:hour:{this(back=40).within('hour').number}"
        client.set(key, "of another program", ex=3600)
        worker = owner(server.url, P0, P1)
        for _ in range(200):
            worker.commit()
        expected = sums(worker.truth)
        others = {name for name in expected if name != key.removeprefix(f"{PREFIX}:")}
        minutes = {name for name in others if "minute" in name}
        assert minutes

        def pushed() -> bool:
            return all(client.hgetall(f"{PREFIX}:{name}") == expected[name] for name in minutes)

        eventually(pushed, AGAIN_S, "Redis has the minutes")
        client.delete(key)
        wait_until_equal(client, worker)


def test_after_a_wipe_a_new_worker_lists_removed_tweet_topics(
    tmp_path: Path, servers: ExitStack, owner: Callable[..., Owner]
) -> None:
    server = servers.enter_context(running(tmp_path))
    with server.client() as client:
        before = owner(server.url, P0)
        before.publisher.count_subjects(["x", "y"])
        for _ in range(100):
            before.commit()
        wait_until_equal(client, before)
        before.publisher.close(5)
        client.flushall()
        after = owner(server.url, generation=2, kafka=before.kafka)
        after.publisher.count_subjects(["y", "new"])
        after.open, after.offset = before.open, before.offset
        after.assign()
        wait_until_equal(client, after)
        listed = client.hgetall(f"{PREFIX}:topics")
        assert listed.keys() == {"x", "y", "new"}
        first = {
            name: min(
                period.start_ms
                for period, cells in before.truth[P0].items()
                if period.unit == "minute" and any(subject == name for subject, _ in cells)
            )
            // 1000
            for name in ("x", "y")
        }
        assert {name: int(listed[name]) for name in first} == first


@pytest.mark.slow
def test_a_cluster_keeps_all_periods_in_one_slot_that_may_move(
    tmp_path: Path, servers: ExitStack, owner: Callable[..., Owner]
) -> None:
    cluster = Cluster(tmp_path, servers)
    worker = owner(f"redis+cluster://{LOOPBACK}:{cluster.primaries[0].port}", P0, P1)
    for _ in range(50):
        worker.commit()
    holder = cluster.owner(f"{PREFIX}:counts")
    with holder.client() as client:
        wait_until_equal(client, worker)
    target = next(server for server in cluster.primaries if server is not holder)
    cluster.move(cluster.slot(f"{PREFIX}:counts"), holder, target)
    for _ in range(50):
        worker.commit()
    with target.client() as client:
        wait_until_equal(client, worker)
