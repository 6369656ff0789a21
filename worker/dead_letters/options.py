"""The options of `python -m worker dead-letters`."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any, Final

from tweets.reasons import REASONS
from tweets.timestamps import unix_ms
from worker.dead_letters.letter import UNKNOWN
from worker.dead_letters.selection import Selection
from worker.process.option_types import names, positive

MAX_ROUNDS: Final = 3
"""Replays of one record by default: a cause that is not repaired makes a new dead letter of every replay."""


def add_dead_letters(programs: Any) -> None:
    """Add the program and its three commands to the command line of the worker."""
    program = programs.add_parser("dead-letters", help="list, show and replay what could not be labelled")
    commands = program.add_subparsers(dest="command", metavar="command", required=True)

    listing = commands.add_parser("list", help="count the dead letters by reason, by partition and by time")
    _add_filters(listing)

    show = commands.add_parser("show", help="print the latest dead letters, with their tweets")
    _add_filters(show)
    show.add_argument("--limit", type=positive, default=10, metavar="N", help="at most so many (%(default)s)")

    replay = commands.add_parser("replay", help="send the originals to the input topic again; without --yes a dry run")
    _add_filters(replay)
    replay.add_argument("--yes", action="store_true", help="send; without this option, only say what would be sent")
    replay.add_argument(
        "--max-rounds",
        type=positive,
        default=MAX_ROUNDS,
        metavar="N",
        help="skip what was replayed so many times already (%(default)s)",
    )
    replay.add_argument(
        "--skip-refused",
        action="store_true",
        help="count what the input topic does not take as handled, instead of ending its partition before it",
    )
    replay.add_argument(
        "--from-beginning",
        action="store_true",
        help="forget what earlier replays have sent, and begin with the first dead letter that Kafka still has",
    )


def selection_of(options: Namespace) -> Selection:
    """Return the selection that the filters describe; the same filters in another order are the same selection."""
    return Selection(tuple(sorted(set(options.reason))), options.since, options.until)


def _add_filters(command: ArgumentParser) -> None:
    command.add_argument(
        "--reason",
        type=_reasons,
        action="extend",
        default=[],
        metavar="REASON",
        help="only these reasons, separated by commas",
    )
    command.add_argument(
        "--partition",
        type=_partitions,
        action="extend",
        default=[],
        metavar="N",
        help="only these partitions, separated by commas",
    )
    for name, which in (("--since", "from this time on"), ("--until", "before this time")):
        command.add_argument(
            name,
            type=_moment_ms,
            metavar="TIME",
            help=f"only dead letters that a worker wrote {which}, such as 2026-05-01T12:00:00Z",
        )
    command.add_argument("--json", action="store_true", help="print JSON")


def _reasons(text: str) -> tuple[str, ...]:
    known = (*REASONS, UNKNOWN)
    for name in names(text):
        if name not in known:
            raise ArgumentTypeError(f"{name!r} is no reason; the reasons are {', '.join(known)}")
    return names(text)


def _partitions(text: str) -> tuple[int, ...]:
    found = names(text)
    if not all(name.isascii() and name.isdigit() and len(name) < 10 for name in found):
        raise ArgumentTypeError(f"{text!r}: give numbers of partitions, separated by commas")
    return tuple(map(int, found))


def _moment_ms(text: str) -> int:
    found = unix_ms(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no time in RFC 3339, such as 2026-05-01T12:00:00Z")
    return found
