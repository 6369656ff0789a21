"""The settings of the three brokers: those with which a lost broker costs seconds, and small files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local.ports import LOOPBACK

REPLICAS: Final = 3
TRANSACTION_PARTITIONS: Final = 12

#: Clients under test and brokers reach a broker through proxies; DIRECT is for feeder, verifier and administration.
LISTENERS: Final = ("CLIENTS", "BROKERS", "CONTROLLER", "DIRECT")

_SETTINGS: Final[Mapping[str, object]] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "BROKERS",
    "listener.security.protocol.map": ",".join(f"{listener}:PLAINTEXT" for listener in LISTENERS),
    "auto.create.topics.enable": "false",
    "default.replication.factor": REPLICAS,
    "min.insync.replicas": 2,
    "offsets.topic.replication.factor": REPLICAS,
    "offsets.topic.num.partitions": 12,
    "transaction.state.log.replication.factor": REPLICAS,
    "transaction.state.log.num.partitions": TRANSACTION_PARTITIONS,
    "transaction.state.log.min.isr": 2,
    "group.initial.rebalance.delay.ms": 0,
    # A broker that dies, freezes or is cut off: others notice after 5 s, and requests to it wait no longer.
    "broker.session.timeout.ms": 5000,
    "broker.heartbeat.interval.ms": 1000,
    "controller.socket.timeout.ms": 5000,
    "replica.socket.timeout.ms": 5000,
    "request.timeout.ms": 5000,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "transaction.partition.verification.enable": "true",
    # Trimmed records leave the disk soon, and a killed broker reads little at its start.
    "log.segment.bytes": 16_777_216,
    "log.retention.check.interval.ms": 10_000,
    "log.segment.delete.delay.ms": 1000,
    "log.cleaner.dedupe.buffer.size": 16_777_216,
    "offsets.topic.segment.bytes": 4_194_304,
    "transaction.state.log.segment.bytes": 4_194_304,
    # Three brokers share one small machine.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 2,
}


def properties(
    node: int, *, ports: Mapping[str, int], advertised: Mapping[str, int], voters: Mapping[int, int], data: Path
) -> str:
    """Return the server.properties of a node.

    `ports` and `advertised`: the ports of each of LISTENERS at which the broker listens, and at which others find the
    broker. `voters`: the port at which each node's controller is found.
    """
    settings = {
        **_SETTINGS,
        "node.id": node,
        "controller.quorum.voters": ",".join(f"{voter}@{LOOPBACK}:{port}" for voter, port in voters.items()),
        "listeners": _addresses(ports),
        "advertised.listeners": _addresses(advertised),
        "log.dirs": data,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{listener}://{LOOPBACK}:{port}" for listener, port in ports.items())
