"""The command line of the worker: the worker itself, and its commands that run once."""

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from tweets.periods import ALL, UNITS
from worker import time_limits
from worker.dead_letters.options import add_dead_letters
from worker.errors import ExitCode, FatalError, TransientError
from worker.process.option_types import number, positive
from worker.process.unread_output import forget_unread_output


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one program and return its exit code; an error of the user is one line on stderr."""
    options = _parser().parse_args(arguments)
    try:
        return _run_program(options)
    except FatalError as error:
        return _refuse(str(error), error.exit_code)
    except TransientError as error:
        return _refuse(str(error), ExitCode.KAFKA)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        forget_unread_output()
        return ExitCode.OK
    except Exception:
        traceback.print_exc()
        return ExitCode.BUG


def _run_program(options: argparse.Namespace) -> int:
    # The imports are here because classify needs no Kafka client and create-topics needs no model.
    match options.program:
        case None:
            # Before the worker handles signals itself, there is nothing to drain.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.OK))
            from worker.run import run

            return run(accept_empty_state=options.accept_empty_state)
        case "classify":
            from worker.commands import classify

            return classify(options.texts, as_json=options.json)
        case "create-topics":
            from worker.commands import create_topics

            return create_topics(
                partitions=options.partitions,
                replication_factor=options.replication_factor,
                max_message_bytes=options.max_message_bytes,
            )
        case "export-state" | "import-state":
            return _run_states(options)
        case "dead-letters" | "series":
            return _run_reader(options)
        case _:
            from worker.commands import check_counts

            return check_counts(fix=options.repair, timeout_s=options.timeout, as_json=options.json)


def _run_reader(options: argparse.Namespace) -> int:
    from worker.commands import dead_letters, series

    if options.program == "dead-letters":
        return dead_letters(options)
    return series(options.topic, options.step, options.first, options.end, form=options.form)


def _run_states(options: argparse.Namespace) -> int:
    from worker.commands import export_state, import_state

    if options.program == "export-state":
        return export_state()
    return import_state(options.file, options.position, replaces=options.replace)


def _refuse(message: str, code: ExitCode) -> int:
    print(f"worker: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker",
        description="Without a program: consume tweets, classify them, publish the labels, until SIGTERM. "
        "Environment variables configure everything; see docs/reference.md.",
    )
    parser.add_argument(
        "--accept-empty-state",
        action="store_true",
        help="without a program: count a partition from zero whose committed counts are lost, instead of exit code 10",
    )
    programs = parser.add_subparsers(dest="program", metavar="program")

    for add in (_add_classify, _add_create_topics, _add_verify, _add_states, _add_series, add_dead_letters):
        add(programs)
    return parser


def _add_classify(programs: Any) -> None:
    classify = programs.add_parser("classify", help="label texts from the command line or from stdin; needs no Kafka")
    classify.add_argument(
        "texts", nargs="*", metavar="text", help="texts to label; without texts, one text per line of stdin"
    )
    classify.add_argument("--json", action="store_true", help="print one JSON object per line, with all scores")


def _add_create_topics(programs: Any) -> None:
    topics = programs.add_parser(
        "create-topics", help="create missing topics, add missing partitions to the output topics"
    )
    topics.add_argument(
        "--partitions",
        type=positive,
        default=12,
        help="partitions of a new input topic, the most workers that can share the work (12)",
    )
    topics.add_argument(
        "--replication-factor", type=positive, default=-1, help="replicas of new topics (the broker's default)"
    )
    topics.add_argument(
        "--max-message-bytes",
        type=positive,
        default=None,
        metavar="BYTES",
        help="max.message.bytes of a new input topic (the broker's default)",
    )


def _add_verify(programs: Any) -> None:
    check = programs.add_parser("verify", help="compare the counts in Kafka and Redis; exits 1 on a difference")
    check.add_argument("--repair", action="store_true", help="first make the counts in Redis equal to Kafka")
    check.add_argument(
        "--timeout",
        type=number(1),
        metavar="SECONDS",
        help="end the whole run within this, name what was not compared, and exit 1 then (no limit for reading; Redis "
        f"has {time_limits.VERIFY.seconds:g} s to agree after the first comparison)",
    )
    check.add_argument("--json", action="store_true", help="print one JSON object")


def _add_states(programs: Any) -> None:
    programs.add_parser("export-state", help="print position and counts of every partition as JSON")

    imported = programs.add_parser("import-state", help="write the states of export-state for a group without offsets")
    imported.add_argument("file", nargs="?", default="-", help="what export-state printed; - is stdin (the default)")
    imported.add_argument(
        "--position",
        choices=["stored", "first", "end"],
        default="stored",
        help="where to continue: at the offset in the file (the default), the first record, or the end",
    )
    imported.add_argument("--replace", action="store_true", help="also where the checkpoint topic has counts already")


def _add_series(programs: Any) -> None:
    series = programs.add_parser(
        "series", help="print how many tweets got each emotion, minute by minute, from Redis; needs no Kafka"
    )
    series.add_argument("--topic", default=ALL, metavar="NAME", help="only this tweet topic (all tweets)")
    series.add_argument("--step", choices=UNITS, default="minute", help="the length of a period, in UTC (%(default)s)")
    series.add_argument(
        "--from",
        dest="first",
        metavar="TIME",
        help="from the period of this time, such as 2026-05-01T12:00:00Z (the last 60 minutes, 24 hours or 30 days)",
    )
    series.add_argument("--to", dest="end", metavar="TIME", help="only periods that begin before this time (now)")
    forms = series.add_mutually_exclusive_group()
    for form in ("csv", "json"):
        forms.add_argument(
            f"--{form}", dest="form", action="store_const", const=form, default="table", help=f"print {form.upper()}"
        )


if __name__ == "__main__":
    sys.exit(main())
