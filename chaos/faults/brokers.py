"""Faults of brokers and of the network; only one broker at a time is disturbed."""

from functools import partial
from typing import Final

from chaos.errors import ChaosError
from chaos.faults.surroundings import NotInjectedError, Surroundings
from chaos.faults.topic_settings import output_setting
from chaos.schedule import Fault
from chaos.servers.broker import Broker

_IN_SYNC_S: Final = 240.0
"""A broker that was killed starts a JVM and copies what it lacks, on a machine whose cores are busy."""


def broker_kill(around: Surroundings, fault: Fault) -> None:
    """End a broker with SIGKILL, and start it again."""
    broker = _broker(around, fault)
    around.for_a_time(fault.hold_s, broker.kill, broker.restart)


def broker_freeze(around: Surroundings, fault: Fault) -> None:
    """Freeze a broker: its connections stay open and no request is answered."""
    broker = _broker(around, fault)
    around.for_a_time(fault.hold_s, broker.freeze, broker.thaw)


def broker_cut_off(around: Surroundings, fault: Fault) -> None:
    """Lose every packet between a broker, the other brokers and the workers."""
    broker = _broker(around, fault)
    around.for_a_time(fault.hold_s, broker.cut_off, broker.reconnect)


def replicas_missing(around: Surroundings, fault: Fault) -> None:
    """Let the output topic need all replicas while a broker is down: writes fail past the delivery time-out."""
    replicas = str(len(around.cluster.brokers))
    with output_setting(around, "min.insync.replicas", replicas):
        broker_kill(around, fault)


def coordinator_kill(around: Surroundings, fault: Fault) -> None:
    """End the coordinator of a worker's transactions with SIGKILL."""
    member = around.worker(fault.target)
    worker_id = member.settings.get("WORKER_ID", "worker-0")
    number = around.cluster.coordinator_of_transaction(f"{around.names.group}:{worker_id}")
    broker = around.cluster.brokers[number]
    around.for_a_time(fault.hold_s, broker.kill, broker.restart)


def connections_reset(around: Surroundings, fault: Fault) -> None:
    """Close all connections to a broker at once."""
    _broker(around, fault).reset_connections()


def clients_cut_off(around: Surroundings, fault: Fault) -> None:
    """Lose every packet between the brokers and one worker, or between one broker and all workers."""
    if fault.target % 2:
        pid = around.worker(fault.target // 2).pid
        if pid is None:
            raise NotInjectedError("the worker has just ended")
        cluster = around.cluster
        around.for_a_time(fault.hold_s, partial(cluster.cut_off_client, pid), cluster.reconnect_clients)
    else:
        proxy = _broker(around, fault).proxies["CLIENTS"]
        around.for_a_time(fault.hold_s, proxy.cut, proxy.restore)


def wait_in_sync(around: Surroundings) -> None:
    """Wait until every partition has all its replicas. Raises ChaosError if the cluster does not get there."""
    try:
        around.wait_for(around.cluster.in_sync, _IN_SYNC_S, "every partition has all its replicas")
    except NotInjectedError as error:
        raise ChaosError(f"the brokers do not recover: {error}") from None


def _broker(around: Surroundings, fault: Fault) -> Broker:
    brokers = around.cluster.brokers
    return brokers[fault.target % len(brokers)]
