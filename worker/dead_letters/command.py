"""The three commands: build the parts, run them, print the result."""

import io
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from heapq import nlargest

from tweets.records import OutputRecord
from worker.dead_letters.forms import write_counts, write_letters, write_replay
from worker.dead_letters.letter import Letter
from worker.dead_letters.letter_counts import LetterCounts
from worker.dead_letters.options import selection_of
from worker.dead_letters.progress import progress
from worker.dead_letters.replay import Replay, Target
from worker.dead_letters.rules import Rules
from worker.dead_letters.selection import Selection
from worker.errors import ExitCode, FatalError, RefusedRecordsError
from worker.kafka.client import silent_client
from worker.kafka.dead_letters import DeadLetterReader, copy_key
from worker.kafka.replay_transactions import ReplayTransactions
from worker.kafka.topics import Topics
from worker.settings import Settings


def run(settings: Settings, options: Namespace) -> int:
    """Run the command that the options name; return its exit code. Raises FatalError and TransientError."""
    commands: dict[str, Callable[[Settings, Namespace], None]] = {"list": _list, "show": _show, "replay": _replay}
    with silent_client():  # the client also logs each error that it raises or overcomes
        commands[options.command](settings, options)
    return ExitCode.OK


def group_of(settings: Settings) -> str:
    """Return the group that has the positions of replays, which is also their transactional id.

    It begins with KAFKA_GROUP_ID, and so do the permissions of the worker's user. No transactional id of a worker is
    equal: each has a colon.
    """
    return f"{settings.kafka_group_id}.dead-letters"


def _list(settings: Settings, options: Namespace) -> None:
    counts = LetterCounts()
    with DeadLetterReader(settings) as reader:
        for letter in _selected(reader, options):
            counts.add(letter)
    write_counts(counts, settings.kafka_dead_letter_topic, sys.stdout, as_json=options.json)


def _show(settings: Settings, options: Namespace) -> None:
    with DeadLetterReader(settings) as reader:
        latest = nlargest(options.limit, _selected(reader, options), key=_order)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # tweets are UTF-8 in every locale
    write_letters(latest[::-1], sys.stdout, as_json=options.json)


def _replay(settings: Settings, options: Namespace) -> None:
    group = group_of(settings)
    with DeadLetterReader(settings, group) as reader:
        replay = _prepared(settings, options, reader)
        if options.yes:
            with _reported(settings, options, replay), progress() as show:
                _send(settings, replay, reader, show)
        else:
            replay.dry_run(reader)
            _report(settings, options, replay, complete=True)


@contextmanager
def _reported(settings: Settings, options: Namespace, replay: Replay) -> Iterator[None]:
    """Print what a replay has done at its end, and before an error where something was committed."""
    complete = False
    try:
        yield
        complete = True
    finally:
        if complete or replay.counts:
            _report(settings, options, replay, complete=complete)


def _report(settings: Settings, options: Namespace, replay: Replay, *, complete: bool) -> None:
    topics = settings.kafka_dead_letter_topic, settings.kafka_input_topic
    write_replay(replay.counts, topics, sys.stdout, dry_run=not options.yes, complete=complete, as_json=options.json)


def _prepared(settings: Settings, options: Namespace, reader: DeadLetterReader) -> Replay:
    topic, group = settings.kafka_dead_letter_topic, group_of(settings)
    with_copies = set(reader.partitions(settings.kafka_checkpoint_topic))

    def copy(number: int, value: bytes) -> OutputRecord | None:
        if number not in with_copies:
            return None
        return OutputRecord(settings.kafka_checkpoint_topic, number, copy_key(group, topic, number), value, ())

    rules = Rules(
        settings.kafka_input_topic,
        len(reader.partitions(settings.kafka_input_topic)),
        options.max_rounds,
        selection_of(options),
    )
    limit, chosen = settings.kafka_offset_metadata_max_bytes, _chosen(reader, options)
    return Replay(rules, Target(topic, chosen, copy, limit, options.from_beginning, options.skip_refused))


def _send(settings: Settings, replay: Replay, reader: DeadLetterReader, show: Callable[[int, int], None]) -> None:
    """Replay with new transactions until Kafka refuses nothing that was not left out."""
    # SIGTERM aborts the open transaction, as Ctrl-C does: readers of the input topic would wait for its time-out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    max_bytes = Topics(settings).input_max_bytes()
    single_records = False
    while True:
        transactions = ReplayTransactions(
            settings, group_of(settings), max_record_bytes=max_bytes, single_records=single_records
        )
        with closing(transactions):
            try:
                replay.attempt(reader, transactions, show)
                return
            except RefusedRecordsError as refused:
                single_records = single_records or not refused.exact


def _selected(reader: DeadLetterReader, options: Namespace) -> Iterator[Letter]:
    selection: Selection = selection_of(options)
    for chunk in reader.read(reader.ranges(_chosen(reader, options))):
        yield from filter(selection.selects, map(Letter.of, chunk.records))


def _chosen(reader: DeadLetterReader, options: Namespace) -> list[int]:
    existing = reader.partitions()
    missing = sorted(set(options.partition).difference(existing))
    if missing:
        raise FatalError(
            f"--partition {missing[0]}: the dead-letter topic has the partitions 0 to {existing[-1]}",
            ExitCode.SETTINGS,
        )
    return sorted(set(options.partition)) or existing


def _order(letter: Letter) -> tuple[int, int, int]:
    return letter.record.timestamp_ms, letter.record.partition.number, letter.record.offset
