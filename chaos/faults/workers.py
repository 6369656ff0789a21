"""Faults of workers: killed, frozen, stopped, more of them, fewer, other settings, positions deleted."""

from typing import Final

from chaos.faults.positions import delete_positions
from chaos.faults.surroundings import NotInjectedError, Surroundings
from chaos.kinds import STEPS
from chaos.member import Member
from chaos.schedule import Fault

_OTHER_SETTINGS: Final = (
    {"BATCH_MAX_TWEETS": "20", "BATCH_MAX_WAIT_MS": "5"},
    {"BATCH_MAX_TWEETS": "500", "BATCH_MAX_WAIT_MS": "50"},
    {"BATCH_MAX_TWEETS": "4096", "BATCH_MAX_WAIT_MS": "300"},
)

_STEP_IS_REACHED_S: Final = 30.0
"""A worker that has just started imports its packages, joins the group and restores before it reaches a step."""


def kill(around: Surroundings, fault: Fault) -> None:
    """End a worker with SIGKILL at any moment."""
    around.fleet.change(around.worker(fault.target), Member.kill)


def kill_at_step(around: Surroundings, fault: Fault) -> None:
    """Let a worker die at a numbered step of its loop."""
    step, member = 1 + fault.target % STEPS, around.worker(fault.target // STEPS)
    member.kill_point.arm(step)
    if step == 1:  # a worker restores after its start
        around.fleet.change(member, Member.kill)
    try:
        around.wait_for(lambda: not member.kill_point.armed, _STEP_IS_REACHED_S, f"{member.name} at step {step}")
    finally:
        member.kill_point.disarm()


def zombie(around: Surroundings, fault: Fault) -> None:
    """Freeze a worker until the group has given its partitions to others, then let it continue."""
    member, change = around.worker(fault.target), around.fleet.change
    around.for_a_time(fault.hold_s, lambda: change(member, Member.freeze), lambda: change(member, Member.thaw))


def terminate(around: Surroundings, fault: Fault) -> None:
    """Send SIGTERM to a worker at any moment."""
    around.fleet.change(around.worker(fault.target), Member.terminate)


def scale_up(around: Surroundings, _: Fault) -> None:
    """Start one more worker."""
    if not around.fleet.add():
        raise NotInjectedError("there are as many workers as a run has at most")


def scale_down(around: Surroundings, _: Fault) -> None:
    """Stop one worker for good."""
    if not around.fleet.remove():
        raise NotInjectedError("there are as few workers as a run has at least")


def restart_with_other_settings(around: Surroundings, fault: Fault) -> None:
    """Restart a worker with other batches."""
    member = around.worker(fault.target)
    member.settings.update(_OTHER_SETTINGS[fault.target % len(_OTHER_SETTINGS)])
    around.fleet.change(member, Member.terminate)


def positions_deleted(around: Surroundings, _: Fault) -> None:
    """Stop all workers, delete the group's offsets with their metadata, and start the workers again."""
    around.fleet.stop_all()
    try:
        delete_positions(around)
    finally:
        around.fleet.resume()
