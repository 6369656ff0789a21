"""`python -m deploy.reference`: writes docs/reference.md, and the time limits in docs/delivery.md, from the code."""

import argparse
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from prometheus_client import Counter

from deploy.checkpoint_records import checkpoint_records
from deploy.interfaces import EXIT_CODE_PROGRAMS, PAGE_ENDPOINTS, PERMISSIONS, REDIS_COMMANDS, WORKER_ENDPOINTS
from deploy.markdown import table
from deploy.replayed_records import replayed_records
from deploy.settings_section import settings
from deploy.time_limit_tables import with_time_limits
from tweets import dead_letter
from tweets.headers import INPUT_TIMESTAMP
from tweets.labelled_tweet import LabelledTweet
from tweets.reasons import REASONS
from tweets.tweet import Tweet
from worker.errors import ExitCode
from worker.process.metrics import declared_metrics
from worker.redis.keys import KEYS
from worker.settings import Settings

DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = DOCS / "reference.md"
DELIVERY_PAGE: Final = DOCS / "delivery.md"
"""The tables of the time limits are between two markers of this page; the rest of the page is written by hand."""

_TYPES: Final = {str: "string", float: "number", Mapping[str, float]: "object of numbers"}


def page() -> str:
    """Return the whole page, Markdown."""
    return "\n".join([_HEAD, *(section() for section in SECTIONS)])


_HEAD: Final = """# Reference

Every name and number that a user of emotion-stream may rely on. `make reference` writes this page from the code: change
the texts in the code, not here.
"""


# Sections: each returns Markdown that begins with a heading and ends with a line break.


def topics() -> str:
    """Return the section on the records of the three topics."""
    labelled = [(name, kind, meaning, presence) for name, kind, presence, meaning in _record_fields(LabelledTweet)]
    return f"""## Topics and records

Each record on the input topic becomes exactly one record: a labelled tweet on the output topic, or a dead letter.
Values are JSON in UTF-8. Readers of both output topics must set `isolation.level=read_committed`.

The output record keeps the key, the headers and the partition number of the input record, and records of one partition
keep their order. A labelled tweet has one more header, `{INPUT_TIMESTAMP}`, after those of the input record: the
timestamp of the input record, Unix milliseconds in decimal digits. The labelled tweet's own timestamp is the time at
which the worker published it.

Two cases differ, because the Kafka client cannot send them: a record without key and value becomes a dead letter with
an empty value, and a header without a value gets an empty value.

### Tweet: `{_default("kafka_input_topic")}`

Only `text` is required. Unknown fields are ignored, optional fields of another type are left out. The objects of
Twitter's interfaces, envelopes and frames are read too: see [Tweets of other
programs](operations.md#tweets-of-other-programs).

{table(("Field", "Type", "Meaning"), [(f"`{name}`", kind, text) for name, kind, _, text in _record_fields(Tweet)])}
### Labelled tweet: `{_default("kafka_output_topic")}`

{table(("Field", "Type", "Meaning", "Present"), [(f"`{row[0]}`", *row[1:]) for row in labelled])}
### Dead letter: `{_default("kafka_dead_letter_topic")}`

A dead letter has the key, the value and the headers of the input record, byte for byte, and these headers in the
convention of Kafka Connect. A dead letter that would be too large for the topic loses first the end of its value, then
the headers of the input record and the key. Filters may rely on the two class names; no module bears them.

{table(("Header", "Value"), [(f"`{name}`", text) for name, text in dead_letter.HEADERS.items()])}"""


def reasons() -> str:
    """Return the section on the reasons of dead letters."""
    rows = [(f"`{name}`", *reason) for name, reason in REASONS.items()]
    return f"""## Dead-letter reasons

The header `__connect.errors.exception.message` of a dead letter begins with one of these reasons, and the metric
`emotion_tweets_dead_lettered_total` counts the reasons. Dead letters can be [replayed](operations.md#dead-letters).

{table(("Reason", "Meaning", "What to do"), rows)}"""


def redis_keys() -> str:
    """Return the section on the keys in Redis."""
    rows = [
        (
            f"`{_default('redis_key_prefix')}:{key.name}{'<unix minute>' if key.name.endswith(':') else ''}`",
            key.kind,
            f"`{key.field}`",
            key.value,
            key.meaning,
        )
        for key in KEYS
    ]
    return f"""## Redis keys

Redis holds a copy of the counts; the counts themselves are committed in Kafka. The workers publish all counts again
([when](delivery.md#how-redis-becomes-equal)), so a Redis that lost its data recovers. `REDIS_KEY_PREFIX` is
`{_default("redis_key_prefix")}` here.

{table(("Key", "Type", "Field", "Value", "Meaning"), rows)}"""


def metrics() -> str:
    """Return the section on the metrics of a worker."""
    rows = [
        (
            f"`{metric.name}{'_total' if metric.kind is Counter else ''}`",
            getattr(metric.kind, "__name__", "").lower(),
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.help,
            metric.advice,
        )
        for _, metric in declared_metrics()
    ]
    return f"""## Metrics

Each worker shows these metrics under `/metrics`. Counters of tweets count after the commit, so a tweet that is
processed again after a restart counts once. Names such as LagWithoutCommits are alerts: [operations.md](operations.md)
has a section on each alert.

{table(("Metric", "Type", "Labels", "Meaning", "When it looks wrong"), rows)}
Beside these, `/metrics` has `process_*` (memory, processor time, open files; on Linux) and `python_info`.
"""


def exit_codes() -> str:
    """Return the section on exit codes."""
    rows = [(str(code.value), code.name, code.meaning, EXIT_CODE_PROGRAMS[code]) for code in ExitCode]
    return f"""## Exit codes

A supervisor should restart a worker or a live page that ends with another code than 0; a restarted worker continues at
the last commit. After 2, 3, 5, 6 and 11 a restart alone does not help: the last line of the log names what to change.
The table names programs as they follow `python -m`.

{table(("Code", "Name", "Meaning", "Programs"), rows)}
A second SIGTERM or SIGINT ends `worker`, `producer` and `dashboard` at once with 128 + the number of the signal: 143 or
130. `training` and `deploy.local` (`make demo`, `make up`) end with 1 after other errors.
"""


def permissions() -> str:
    """Return the section on what Kafka and Redis must allow each program."""
    return f"""## Permissions

Each program works with the permissions of its rows and no others. READ and WRITE include DESCRIBE. A program that lacks
a permission ends with 4, or with 5 if Kafka hides the topic, unless the last column says otherwise.

{table(("Program", "Kafka operation", "Resource", "Without the permission"), PERMISSIONS)}
A user of Redis with an ACL needs the keys that begin with `REDIS_KEY_PREFIX`, and these commands:

{table(("Program", "Redis commands"), REDIS_COMMANDS)}"""


def endpoints() -> str:
    """Return the section on the two HTTP servers."""
    return f"""## HTTP endpoints

No endpoint asks for a login, and the endpoints of the worker show no tweets. The worker listens on `METRICS_HOST` and
`METRICS_PORT`:

{_endpoints_table(WORKER_ENDPOINTS)}
The live page listens on `DASHBOARD_HOST` and `DASHBOARD_PORT`. An error is `{{"error": "one sentence"}}`:

{_endpoints_table(PAGE_ENDPOINTS)}"""


SECTIONS: Final[Sequence[Callable[[], str]]] = (
    settings,
    topics,
    checkpoint_records,
    reasons,
    replayed_records,
    redis_keys,
    metrics,
    exit_codes,
    permissions,
    endpoints,
)


def _default(name: str) -> str:
    return str(Settings.model_fields[name].default)


def _record_fields(record: type) -> list[tuple[str, str, str, str]]:
    """Return name, JSON type, presence and meaning of each field of a dataclass with annotated fields.

    An annotation is the meaning, and then, where the defaults are wrong, the JSON type and the presence.
    """
    found = []
    for name, hint in typing.get_type_hints(record, include_extras=True).items():
        kind, meaning, *more = typing.get_args(hint)
        optional = isinstance(kind, types.UnionType)
        plain: Any = next(each for each in typing.get_args(kind) if each is not types.NoneType) if optional else kind
        json_type = more[0] if more else _TYPES[plain]
        presence = more[1] if len(more) > 1 else "if the tweet has the field" if optional else "always"
        found.append((name, json_type, presence, meaning))
    return found


def _endpoints_table(rows: Iterable[Sequence[str]]) -> str:
    return table(("Method", "Path", "Meaning"), [(method, f"`{path}`", text) for method, path, text in rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write both pages and return 0; with `--check`, return 1 if a page differs from the code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.reference",
        description="Write docs/reference.md and the time limits in docs/delivery.md.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page is out of date")
    parser.add_argument("--print", action="store_true", help="print the page and write nothing")
    options = parser.parse_args(arguments)
    if options.print:
        sys.stdout.write(page())
        return 0
    pages = {PAGE: page(), DELIVERY_PAGE: with_time_limits(DELIVERY_PAGE.read_text(encoding="utf-8"))}
    changed = {path: text for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in changed.items():
        if options.check:
            sys.stderr.write(f"docs/{path.name} differs from the code: run make reference\n")
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
