"""Faults of Redis; each is over when the fault ends, except that data may be lost or old."""

from typing import Final

from chaos.faults.surroundings import Surroundings, healing
from chaos.schedule import Fault

_COMMANDS_OF_SCRIPTS: Final = ("EXPIRE", "HSET", "HINCRBY", "HGETALL")
"""Commands in the middle of the worker's scripts: a script that may not use one of them fails halfway."""


def redis_kill(around: Surroundings, fault: Fault) -> None:
    """End Redis with SIGKILL; it comes back empty."""
    around.for_a_time(fault.hold_s, around.redis.kill, around.redis.restart)


def redis_freeze(around: Surroundings, fault: Fault) -> None:
    """Freeze Redis."""
    around.for_a_time(fault.hold_s, around.redis.freeze, around.redis.thaw)


def redis_cut_off(around: Surroundings, fault: Fault) -> None:
    """Lose every packet between Redis and the workers."""
    around.for_a_time(fault.hold_s, around.redis.cut, around.redis.reconnect)


def redis_wipe(around: Surroundings, _: Fault) -> None:
    """Delete all keys."""
    around.redis.wipe()


def redis_old_snapshot(around: Surroundings, fault: Fault) -> None:
    """Bring back the data that Redis had a while ago."""
    around.redis.save_snapshot()
    around.hold(fault.hold_s)
    with healing():
        around.redis.restore_snapshot()


def redis_failover(around: Surroundings, _: Fault) -> None:
    """Let a replica that lacks the last writes become the master."""
    around.redis.fail_over()


def redis_read_only(around: Surroundings, fault: Fault) -> None:
    """Let Redis refuse every write."""
    around.for_a_time(fault.hold_s, lambda: around.redis.refuse_writes(True), lambda: around.redis.refuse_writes(False))


def redis_out_of_memory(around: Surroundings, fault: Fault) -> None:
    """Let Redis refuse what needs memory."""
    around.for_a_time(fault.hold_s, lambda: around.redis.out_of_memory(True), lambda: around.redis.out_of_memory(False))


def redis_script_fails(around: Surroundings, fault: Fault) -> None:
    """Take the right to a command away, so that a script fails after some of its writes."""
    command = _COMMANDS_OF_SCRIPTS[fault.target % len(_COMMANDS_OF_SCRIPTS)]
    refuse = around.redis.refuse_command
    around.for_a_time(fault.hold_s, lambda: refuse(command, True), lambda: refuse(command, False))
