"""The commands that run once and exit.

They are classify, create-topics, verify, export-state, import-state, series and dead-letters.
"""

import io
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from worker.errors import ExitCode, FatalError
from worker.pace import FIRST_BATCH_RECORDS
from worker.process.logs import configure_logging
from worker.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from argparse import Namespace

    from tweets.periods import Unit
    from worker.kafka.state_transfer import Position
    from worker.series_forms import Form
    from worker.verify.finding import Finding


def classify(texts: Sequence[str], *, as_json: bool) -> int:
    """Print the label of each of `texts`, or of each line of stdin, in batches of BATCH_MAX_TWEETS."""
    from worker.inference.classifier import load_classifier

    settings = _configured()
    if not texts and sys.stdin is None:
        raise SettingsError("no text: pass texts as arguments, or one text per line on stdin")
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            raise SettingsError(f"text {number} is blank")
    for stream in (sys.stdin, sys.stdout):  # tweets are UTF-8 in every locale
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    classifier = load_classifier(
        settings.model_path,
        device=settings.device,
        max_tokens=settings.batch_max_tokens,
        neutral_threshold=settings.neutral_threshold,
    )
    # On a terminal, each typed line gets its answer at once.
    batch_size = 1 if not texts and sys.stdin.isatty() else min(settings.batch_max_tweets, FIRST_BATCH_RECORDS)
    for batch in _batches(map(_readable, texts) if texts else _lines_of_stdin(), batch_size):
        for text, prediction in zip(batch, classifier.classify(batch), strict=True):
            if as_json:
                fields = {"text": text, **prediction.json_fields(), "model": classifier.model_id}
                print(json.dumps(fields, ensure_ascii=False))
            else:
                print(f"{prediction.emotion:<9} {prediction.confidence:6.1%}  {text}")
        if sys.stdout is not None:
            sys.stdout.flush()
    return ExitCode.OK


def create_topics(*, partitions: int, replication_factor: int, max_message_bytes: int | None) -> int:
    """Create the missing topics, add partitions where an output topic has too few, and print one line per topic."""
    from worker.kafka.reachable import wait_until_reachable
    from worker.kafka.topics import Topics

    settings = _configured()
    wait_until_reachable(settings)
    topics = Topics(settings)
    for line in topics.create(
        partitions=partitions, replication_factor=replication_factor, max_message_bytes=max_message_bytes
    ):
        print(line, flush=True)
    return ExitCode.OK


def check_counts(*, fix: bool, timeout_s: float | None, as_json: bool) -> int:
    """Compare the counts in Kafka, in Redis and on the output topic; with `fix`, make Redis equal to Kafka first.

    The whole run takes at most `timeout_s` seconds, None: as long as reading takes. Raises FatalError with the exit
    code REDIS if Redis fails.
    """
    from worker.verify.run import run_verify

    findings = run_verify(_configured(), fix=fix, timeout_s=timeout_s)
    agrees = all(finding.agrees for finding in findings)
    if as_json:
        print(json.dumps({"agrees": agrees, "findings": [finding.json_fields() for finding in findings]}))
    else:
        _print_findings(findings)
    return ExitCode.OK if agrees else ExitCode.DIFFERENCE


def _print_findings(findings: "Iterable[Finding]") -> None:
    for finding in findings:
        print(f"{'ok   ' if finding.agrees else 'WRONG'} {finding.subject} {finding.detail}")
        if finding.explanation is not None and not finding.agrees:
            print(f"      {finding.explanation}")


def export_state() -> int:
    """Print the position and the counts of every partition as JSON."""
    from worker.kafka.reachable import wait_until_reachable
    from worker.kafka.state_transfer import export_state as exported

    settings = _configured()
    wait_until_reachable(settings)
    print(json.dumps(exported(settings), indent=1))
    return ExitCode.OK


def import_state(path: str, position: "Position", *, replaces: bool) -> int:
    """Write the states of a file, or of stdin, to the checkpoint topic; print one line for each partition."""
    from worker.kafka.reachable import wait_until_reachable
    from worker.kafka.state_transfer import import_state as imported
    from worker.kafka.topics import Topics

    settings = _configured()
    if path == "-" and sys.stdin is None:
        raise SettingsError("no state: name a file, or pipe the output of export-state")
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SettingsError(f"{path}: cannot be read ({why})") from None
    wait_until_reachable(settings)
    Topics(settings).check()
    for line in imported(settings, text, position, replaces=replaces):
        print(line, flush=True)
    return ExitCode.OK


def series(subject: str, unit: "Unit", first: str | None, end: str | None, *, form: "Form") -> int:
    """Print the counts by emotion of each period; see `span_of` for `first` and `end`.

    Raises SettingsError for a wrong time and an unknown tweet topic, FatalError with the code REDIS if Redis fails.
    """
    from worker.redis.errors import CountsStoreError
    from worker.redis.series_store import SeriesStore
    from worker.series import Series, SeriesError, UnknownSubjectError, check_subject, span_of
    from worker.series_forms import write

    settings = _configured()
    try:
        span = span_of(unit, first, end, now_ms=time.time_ns() // 1_000_000)
        with closing(SeriesStore.of(settings)) as store:
            since_s = check_subject(subject, store.subjects() if subject else {})
            found = Series(subject, span, store.series(subject, unit, span.first, span.last), since_s)
    except SeriesError as error:
        raise SettingsError(f"--{error.field}: {error}") from None
    except UnknownSubjectError as error:
        raise SettingsError(f"--topic: {error}") from None
    except CountsStoreError as error:
        raise FatalError(f"Redis failed: {error}", ExitCode.REDIS) from None
    write(found, form, sys.stdout)
    return ExitCode.OK


def dead_letters(options: "Namespace") -> int:
    """Run one of the commands on dead letters; see worker/dead_letters/options.py."""
    from worker.dead_letters.command import run
    from worker.kafka.reachable import wait_until_reachable

    settings = _configured()
    wait_until_reachable(settings)
    return run(settings, options)


def _configured() -> Settings:
    settings = load_settings()
    configure_logging("WARNING" if settings.log_level == "INFO" else settings.log_level, settings.log_format)
    return settings


def _readable(argument: str) -> str:
    """Replace lone surrogates, which represent bytes that are not UTF-8, and which tokenizers refuse."""
    return argument.encode("utf-8", "replace").decode("utf-8")


def _lines_of_stdin() -> Iterator[str]:
    lines = (line.removeprefix("\ufeff") if number == 0 else line for number, line in enumerate(sys.stdin))
    return (_readable(line.rstrip("\r\n")) for line in lines if line.strip())


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(texts)
    while batch := list(islice(remaining, size)):
        yield batch
