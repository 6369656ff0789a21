"""Every kind of fault: which part of the system it disturbs, how often it comes, and for how long it lasts."""

from dataclasses import dataclass
from typing import Final

STEPS: Final = 8
"""Steps of the worker's loop at which a worker can be killed; steps 9 and 10 are reactions to an error."""

GROUPS: Final = ("worker", "broker", "network", "redis", "records", "settings", "positions")
"""What a fault disturbs; the picture has a colour for each."""

LANES: Final = ("worker", "broker", "redis", "records")
"""Faults of one lane follow one another; faults of different lanes overlap."""

DENSE_LANES: Final = ("redis", "records")
"""Lanes whose faults may come more often, because the workers need no rest to recover from them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault. `in_a_round` of each 40 faults are of this kind; the hold time is random between two bounds."""

    name: str
    group: str
    lane: str
    in_a_round: int = 1
    hold_s: tuple[float, float] = (0.0, 0.0)


_ALL: Final = (
    Kind("kill", "worker", "worker", 3),
    Kind("kill_at_step", "worker", "worker", STEPS),
    Kind("zombie", "worker", "worker", 2, (8.0, 12.0)),
    Kind("terminate", "worker", "worker", 2),
    Kind("scale_up", "worker", "worker"),
    Kind("scale_down", "worker", "worker"),
    Kind("restart_with_other_settings", "worker", "worker"),
    Kind("positions_deleted", "positions", "worker"),
    Kind("broker_kill", "broker", "broker", 2, (1.0, 6.0)),
    Kind("broker_freeze", "broker", "broker", 1, (3.0, 10.0)),
    Kind("broker_cut_off", "broker", "broker", 1, (3.0, 10.0)),
    Kind("replicas_missing", "broker", "broker", 1, (14.0, 16.0)),
    Kind("coordinator_kill", "broker", "broker", 1, (1.0, 4.0)),
    Kind("connections_reset", "network", "broker"),
    Kind("clients_cut_off", "network", "broker", 1, (2.0, 8.0)),
    Kind("redis_kill", "redis", "redis", 1, (1.0, 6.0)),
    Kind("redis_freeze", "redis", "redis", 1, (2.0, 6.0)),
    Kind("redis_cut_off", "redis", "redis", 1, (2.0, 6.0)),
    Kind("redis_wipe", "redis", "redis"),
    Kind("redis_old_snapshot", "redis", "redis", 1, (1.0, 4.0)),
    Kind("redis_failover", "redis", "redis"),
    Kind("redis_read_only", "redis", "redis", 1, (2.0, 6.0)),
    Kind("redis_out_of_memory", "redis", "redis", 1, (2.0, 6.0)),
    Kind("redis_script_fails", "redis", "redis", 1, (2.0, 6.0)),
    Kind("poison", "records", "records"),
    Kind("bomb", "records", "records"),
    Kind("refused", "records", "records"),
    Kind("topic_settings", "settings", "records", 1, (2.0, 5.0)),
)

KINDS: Final = {kind.name: kind for kind in _ALL}

FOR_ANY_PROGRAM: Final = (
    "kill",
    "zombie",
    "terminate",
    "broker_kill",
    "broker_freeze",
    "broker_cut_off",
    "connections_reset",
    "clients_cut_off",
    "redis_kill",
    "redis_freeze",
    "redis_cut_off",
    "redis_wipe",
    "redis_old_snapshot",
    "redis_failover",
)
"""Kinds that need nothing of a worker, such as its numbered steps or its dead letters."""
