"""How faults are injected, with fakes in place of servers: one broker at a time, and always healed."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from chaos.errors import ChaosError
from chaos.faults import brokers, topic_settings
from chaos.faults.injection import INJECTIONS, inject
from chaos.faults.surroundings import NotInjectedError, Surroundings
from chaos.kinds import KINDS
from chaos.schedule import Fault
from chaos.stream_names import StreamNames


class Recorder:
    """Anything: every method call is noted in `calls`, and answered by `answers` if its name is there."""

    def __init__(self, calls: list[str], answers: dict[str, Callable[..., Any]], name: str = "") -> None:
        self._calls = calls
        self._answers = answers
        self._name = name

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._calls.append(f"{self._name}{name}{arguments or ''}")
            return self._answers[name](*arguments) if name in self._answers else None

        return call


class Cluster(Recorder):
    def __init__(self, calls: list[str], answers: dict[str, Callable[..., Any]]) -> None:
        super().__init__(calls, answers)
        self.direct = "127.0.0.1:9092"
        self.brokers = [Recorder(calls, answers, f"broker {number} ") for number in range(3)]


def surroundings(calls: list[str], **answers: Callable[..., Any]) -> Surroundings:
    answers = {"in_sync": lambda: True} | answers
    return Surroundings(
        cluster=cast(Any, Cluster(calls, answers)),
        redis=cast(Any, Recorder(calls, answers)),
        fleet=cast(Any, Recorder(calls, answers)),
        feeder=cast(Any, Recorder(calls, answers)),
        verifier=cast(Any, Recorder(calls, answers)),
        names=StreamNames(),
        stopping=threading.Event(),
    )


def fault(kind: str, target: int = 1) -> Fault:
    return Fault(0, 0.0, kind, target, 0.0)


def fail() -> None:
    raise ChaosError("it does not answer")


def test_every_kind_can_be_injected() -> None:
    assert list(INJECTIONS) == list(KINDS)
    assert all(injection.__name__ == kind for kind, injection in INJECTIONS.items())


@pytest.mark.parametrize(
    ("kind", "begin", "end"),
    [
        ("broker_kill", "kill", "restart"),
        ("broker_freeze", "freeze", "thaw"),
        ("broker_cut_off", "cut_off", "reconnect"),
    ],
)
def test_a_broker_is_disturbed_only_while_all_replicas_are_in_sync_and_healed(kind: str, begin: str, end: str) -> None:
    calls: list[str] = []
    inject(surroundings(calls), fault(kind))
    assert calls == ["in_sync", f"broker 1 {begin}", f"broker 1 {end}", "in_sync"]


def test_the_output_topic_needs_all_replicas_only_while_a_broker_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    around = surroundings(calls)
    monkeypatch.setattr(topic_settings, "set_topic", lambda *arguments: calls.append(f"set {arguments[2:]}"))
    inject(around, fault("replicas_missing"))
    begin, end = "set ('min.insync.replicas', '3')", "set ('min.insync.replicas', None)"
    assert calls == ["in_sync", begin, "broker 1 kill", "broker 1 restart", end, "in_sync"]


@pytest.mark.parametrize(
    ("kind", "begin", "end"),
    [
        ("redis_kill", "kill", "restart"),
        ("redis_freeze", "freeze", "thaw"),
        ("redis_read_only", "refuse_writes(True,)", "refuse_writes(False,)"),
        ("redis_script_fails", "refuse_command('HSET', True)", "refuse_command('HSET', False)"),
    ],
)
def test_redis_is_healed_also_if_the_fault_itself_fails(kind: str, begin: str, end: str) -> None:
    calls: list[str] = []
    around = surroundings(calls, kill=fail, freeze=fail)
    if kind in ("redis_kill", "redis_freeze"):
        with pytest.raises(NotInjectedError, match="it does not answer"):
            inject(around, fault(kind))
    else:
        inject(around, fault(kind))
    assert calls == [begin, end]


def test_brokers_that_do_not_recover_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "_IN_SYNC_S", 0.0)
    with pytest.raises(ChaosError, match="the brokers do not recover") as raised:
        inject(surroundings([], in_sync=lambda: False), fault("broker_kill"))
    assert not isinstance(raised.value, NotInjectedError)


def test_a_run_that_stops_waits_for_nothing() -> None:
    calls: list[str] = []
    around = surroundings(calls, in_sync=lambda: False)
    around.stopping.set()
    inject(around, Fault(0, 0.0, "broker_kill", 1, 3_600.0))
    assert calls == ["in_sync", "broker 1 kill", "broker 1 restart", "in_sync"]


def test_a_burst_of_poison_and_a_bomb_come_from_the_feeder() -> None:
    calls: list[str] = []
    inject(surroundings(calls), fault("poison"))
    inject(surroundings(calls), fault("bomb", target=15))
    assert calls == ["poison(200,)", "send_bomb(3,)"]


def test_a_fault_of_a_worker_waits_until_the_supervisor_has_started_one() -> None:
    calls: list[str] = []
    workers = iter([None, None, "worker-1"])

    def chosen(_target: int) -> str:
        if (found := next(workers)) is None:
            raise ChaosError("no worker runs")
        return found

    assert cast(object, surroundings(calls, chosen=chosen).worker(1)) == "worker-1"
    assert calls == ["chosen(1,)"] * 3


def test_a_fault_of_a_worker_is_not_injected_if_none_runs_before_the_run_ends() -> None:
    def chosen(_target: int) -> None:
        raise ChaosError("no worker runs")

    around = surroundings([], chosen=chosen)
    around.stopping.set()
    with pytest.raises(NotInjectedError, match="no worker runs, and the run ends"):
        around.worker(1)


def test_a_fault_that_cannot_be_ended_ends_the_run() -> None:
    def restart() -> None:
        raise ChaosError("redis-server does not start")

    with pytest.raises(ChaosError, match="a fault could not be ended: redis-server does not start") as raised:
        inject(surroundings([], restart=restart), fault("redis_kill"))
    assert not isinstance(raised.value, NotInjectedError)


class Letters:
    """A stream whose workers label the tweets without a key late: only then there are dead letters."""

    def __init__(self, calls: list[str], *, labelled_at_look: int) -> None:
        self._calls = calls
        self._labelled_at_look = labelled_at_look
        self._looks = 0
        self.keyless_sent = 7

    def keyless(self, on: bool) -> None:
        self._calls.append(f"keyless {on}")
        self.keyless_sent += 1_000 * on

    def dead_letters(self, reason: str) -> int:
        self._looks += 1
        self._calls.append(f"{reason} dead letters")
        return 3 + (self._looks >= self._labelled_at_look)


@pytest.fixture
def topic_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(topic_settings, "set_topic", lambda *setting: calls.append(f"{setting[2]}={setting[3]}"))
    return calls


def test_an_output_topic_stays_compacted_until_a_tweet_without_a_key_is_a_dead_letter(topic_calls: list[str]) -> None:
    stream = cast(Any, Letters(topic_calls, labelled_at_look=3))
    inject(replace(surroundings(topic_calls), feeder=stream, verifier=stream), fault("refused"))
    looks = ["refused dead letters"] * 2
    begin, end = "cleanup.policy=compact", "cleanup.policy=None"
    assert topic_calls == [begin, looks[0], "keyless True", "keyless False", *looks, end]


@pytest.mark.parametrize(("limit", "what"), [("_SENT_S", "the feeder may send"), ("_REFUSED_S", "a tweet is refused")])
def test_without_a_refused_tweet_nothing_was_injected(
    topic_calls: list[str], monkeypatch: pytest.MonkeyPatch, limit: str, what: str
) -> None:
    monkeypatch.setattr(f"chaos.faults.records.{limit}", 0.1)
    stream = cast(Any, Letters(topic_calls, labelled_at_look=1_000_000))
    if limit == "_SENT_S":
        stream.keyless = lambda _on: None
    with pytest.raises(NotInjectedError, match=what):
        inject(replace(surroundings(topic_calls), feeder=stream, verifier=stream), fault("refused"))
    assert topic_calls[-1] == "cleanup.policy=None"
