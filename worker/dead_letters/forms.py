"""Dead letters for a terminal and for programs. `write_letters` is the only code that prints a tweet."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

from rich.console import Console
from rich.table import Table

from tweets.dead_letter import ERRORS
from tweets.timestamps import rfc3339_ms
from worker.dead_letters.letter import Letter
from worker.dead_letters.letter_counts import LetterCounts, Span
from worker.dead_letters.rules import Decision

_SAME_WIDTH: Final = 120
"""Columns of a table that is not printed on a terminal."""

_SHOWN_CHARS: Final = 1_000
"""Characters of a value, a key or a header that are printed for a person; JSON has all of them."""


def write_counts(counts: LetterCounts, topic: str, to: TextIO, *, as_json: bool) -> None:
    """Write how many dead letters there are."""
    if as_json:
        to.write(json.dumps(counts.as_json(topic)) + "\n")
        return
    console = _console(to)
    console.print(f"{counts.total.letters:,} dead letters on {topic}")
    if not counts.total.letters:
        return
    console.print(_spans("reason", dict(counts.reasons())))
    console.print(
        _spans("partition", {str(number): counts.by_partition[number] for number in sorted(counts.by_partition)})
    )
    if periods := counts.by_time():
        table = _table(f"{counts.step} (UTC)", "letters")
        for start, letters in periods.items():
            table.add_row(start, f"{letters:,}")
        console.print(table)


def write_letters(letters: Sequence[Letter], to: TextIO, *, as_json: bool) -> None:
    """Write each dead letter with its original: one JSON object per line, or some lines for a person."""
    for letter in letters:
        to.write(json.dumps(letter_as_json(letter)) + "\n" if as_json else _for_person(letter))


def write_replay(
    counts: Mapping[Decision, int],
    topics: tuple[str, str],
    to: TextIO,
    *,
    dry_run: bool,
    complete: bool,
    as_json: bool,
) -> None:
    """Write what a replay has done, or would do; `topics` are the dead-letter topic and the input topic.

    Not `complete`: the replay has ended before the ends of the partitions.
    """
    source, target = topics
    if as_json:
        fields = {
            "dry_run": dry_run,
            "complete": complete,
            "from": source,
            "to": target,
            "letters": sum(counts.values()),
        }
        to.write(json.dumps(fields | {str(decision): counts.get(decision, 0) for decision in Decision}) + "\n")
        return
    would = "would be " if dry_run else ""
    to.write(f"{sum(counts.values()):>10,} dead letters read from {source}\n")
    to.write(f"{counts.get(Decision.SENT, 0):>10,} {would}sent to {target}\n")
    for decision in Decision:
        if decision is not Decision.SENT and counts.get(decision):
            to.write(f"{counts[decision]:>10,} {decision.meaning}\n")
    if dry_run:
        to.write("dry run: nothing was sent; give --yes to send\n")
    if not complete:
        to.write("not complete: the same command, without --from-beginning, continues after what is counted here\n")


def letter_as_json(letter: Letter) -> dict[str, Any]:
    """Return the JSON object of a dead letter; a key, value or header that is not UTF-8 is in Base64."""
    record = letter.record
    fields: dict[str, Any] = {
        "topic": record.partition.topic,
        "partition": record.partition.number,
        "offset": record.offset,
        "timestamp": None if letter.at_ms is None else rfc3339_ms(letter.at_ms),
        "reason": letter.reason,
        "message": letter.message,
        "truncated": letter.truncated,
        "rounds": letter.rounds,
    }
    if letter.source is not None:
        topic, number = letter.source
        fields["input"] = {"topic": topic, "partition": number, "offset": letter.source_offset}
    headers = [{"name": name, **_content("content", content)} for name, content in record.headers]
    return {**fields, **_content("key", record.key), **_content("value", record.value), "headers": headers}


def _content(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(content).decode()}


def _for_person(letter: Letter) -> str:
    record = letter.record
    when = "" if letter.at_ms is None else f"  {rfc3339_ms(letter.at_ms)}"
    lines = [f"{letter.place}{when}  {_printable(letter.message) or 'no message'}"]
    if letter.source is not None:
        again = f", replayed {letter.rounds} times" if letter.rounds else ""
        cut = ", truncated" if letter.truncated else ""
        lines.append(f"  input    {_printable(str(letter.source))}@{letter.source_offset}{again}{cut}")
    lines.append(f"  key      {_shown(record.key)}")
    lines += [
        f"  header   {_printable(name)}: {_shown(content)}"
        for name, content in record.headers
        if not name.startswith(ERRORS)
    ]
    return "\n".join([*lines, f"  value    {_shown(record.value)}"]) + "\n\n"


def _shown(content: bytes | None) -> str:
    """Return bytes as one printable line."""
    if content is None:
        return "none"
    text = _printable(content.decode("utf-8", "backslashreplace"))
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}… ({len(content):,} bytes)"


def _printable(text: str) -> str:
    """Return the text without control characters, with which a tweet could change the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _spans(name: str, spans: Mapping[str, Span]) -> Table:
    table = _table(name, "letters", "first", "last")
    for kind, span in spans.items():
        times = ("" if at is None else rfc3339_ms(at) for at in (span.first_ms, span.last_ms))
        table.add_row(kind, f"{span.letters:,}", *times)
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(f"\n{first}", no_wrap=True, min_width=20)  # a blank line before the table
    for name in others:
        table.add_column(f"\n{name}", justify="right", no_wrap=True)
    return table


def _console(to: TextIO) -> Console:
    return Console(file=to, width=None if to.isatty() else _SAME_WIDTH, highlight=False, markup=False, emoji=False)
