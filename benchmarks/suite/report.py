"""What the benchmark leaves: the JSON line, tables on the terminal, the picture, and docs/benchmarks.md on request."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table as TerminalTable

from benchmarks.suite.environments import CACHE, ROOT
from benchmarks.suite.plot import draw
from benchmarks.suite.results import Results
from benchmarks.suite.tables import Table, tables
from deploy import markdown

PAGE: Final = ROOT / "docs" / "benchmarks.md"
PICTURE: Final = ROOT / "docs" / "benchmarks.svg"
RESULTS: Final = CACHE / "results"

#: Processes of other programs that run at the start of a measurement on an idle machine: fewer than half of one.
IDLE_LOAD: Final = 0.5

Context = Mapping[str, Any]
"""What was measured on what: profile, data set, hardware, versions, commit, date."""


def json_line(results: Results, context: Context) -> str:
    """Return everything on one line, without the tables of settings and profiles."""
    measurements = {name: each.as_json() for name, each in results.all_measurements().items()}
    programs = {**results.end_to_end.programs, **results.instant.programs}
    measurements |= {name: each.as_json() for name, each in programs.items()}
    return json.dumps(
        {
            **results.keys(),
            **context,
            "skipped": results.all_skipped(),
            "disturbed": results.disturbed(),
            "measurements": measurements,
        },
        ensure_ascii=False,
    )


def show(results: Results, context: Context) -> None:
    """Print the tables on stderr, and a line for what was skipped or disturbed."""
    console = Console(stderr=True, highlight=False, width=120)
    for each in tables(results):
        console.print(_for_terminal(each))
    for line in remarks(results, context):
        console.print(line, markup=False)


def remarks(results: Results, context: Context) -> list[str]:
    """Return a line for each measurement that was disturbed, and for all that was skipped."""
    busy = context["load_before"] is not None and context["load_before"] > IDLE_LOAD
    disturbed = ["disturbed by other load: the load average was {load_before} at the start".format(**context)] * busy
    disturbed += [
        f"disturbed by other load: {name}: its slowest round is {100 * results.all_measurements()[name].spread:.0f} % "
        "slower than its fastest; measure again on an idle machine"
        for name in results.disturbed()
    ]
    return [*disturbed, *(f"skipped: {name}: {reason}" for name, reason in results.all_skipped().items())]


def write_files(results: Results, context: Context, *, document: bool) -> list[Path]:
    """Write the JSON line and the picture to .bench/results, with `document` also docs; return the files."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    summary, picture = RESULTS / "benchmark.json", RESULTS / "benchmark.svg"
    summary.write_text(json_line(results, context) + "\n", encoding="utf-8")
    draw(results, picture, caption(context))
    if not document:
        return [summary, picture]
    PICTURE.write_bytes(picture.read_bytes())
    PAGE.write_text(page(results, context), encoding="utf-8")
    return [summary, picture, PAGE, PICTURE]


def caption(context: Context) -> str:
    """Return the line above the picture."""
    machine = context["hardware"]
    return f"{machine['cores']} cores, {machine['processor']}; {context['dataset']}; {context['date']}"


def page(results: Results, context: Context) -> str:
    """Return docs/benchmarks.md."""
    machine = context["hardware"]
    rows = [
        ["date, commit", f"{context['date']}, {context['commit']}"],
        ["the commit before", context["before"] or "not measured"],
        ["machine", f"{machine['cores']} cores, {machine['processor']}, {machine['memory_gb']:g} GB"],
        ["instructions", ", ".join(machine["instructions"])],
        ["Kafka", "Apache Kafka" if context["kafka"] == "apache" else "embedded"],
        [
            "data set",
            f"{context['dataset']}, {context['tweets']:,} tweets, {results.tokens_per_tweet:.1f} tokens a tweet",
        ],
        ["operations a tweet", f"{results.operations_per_tweet / 1e9:.3f} GOP, the whole model, nothing skipped"],
        ["versions", ", ".join(f"{name} {version}" for name, version in context["versions"].items())],
        ["versions of the peers", _peer_versions(context["peer_versions"])],
    ]
    parts = [
        _INTRODUCTION.format(**context),
        markdown.table(["", ""], rows),
        _HOW,
        f"![{caption(context)}](benchmarks.svg)\n",
    ]
    for each in tables(results):
        parts.append(f"## {each.title}\n\n{markdown.table(each.head, each.rows)}")
    lines = remarks(results, context)
    if lines:
        parts.append("## Remarks\n\n" + "".join(f"- {line}\n" for line in lines))
    return "\n".join(parts)


_INTRODUCTION: Final = """# Benchmarks

Written by `make bench PROFILE={profile} DATASET={dataset} BENCH_ARGS=--document`; do not edit.
"""

_HOW: Final = """Rounds of all contenders alternate, because the speed of a virtual machine drifts; ratios are between
best rounds, and the spread is how much slower the slowest round is than the fastest. All contenders have the same
weights, apart from the DistilBERT of the usual size, whose weights are random. The peers get texts that are normalised
already; this project normalises the texts in the measured time. A text that would repeat has its words in another
order.

*openvino*, *ctranslate2* and *pipeline* are measured with texts in the order in which they come and with texts sorted
by length; `engine_over_pipeline` is against the fastest setting that does not sort, `engine_over_openvino` against the
faster of both. The *int8 ceiling* is `torch._int_mm` of 2048 x 2048 matrices. Rates of programs on Kafka are from the
first to the last commit that the benchmark saw. *At least once* is the same worker with a stream that publishes without
a transaction and commits the offsets afterwards; only the benchmark has that stream. `exactly_once_over_at_least_once`
is with the real engine, `instant_exactly_once_over_at_least_once` with the one that answers at once.

The embedded Kafka, the producer of the part latency and the benchmark run on the same cores as the worker, and
`end_to_end_over_engine` contains what they take. The embedded Kafka writes all its records to a file once a second
while something changes; each part therefore has servers of its own, with no more records than it needs.
"""


def _peer_versions(versions: Mapping[str, Mapping[str, str]]) -> str:
    each = {
        peer: ", ".join(f"{name} {version}" for name, version in sorted(found.items()))
        for peer, found in versions.items()
    }
    return "; ".join(f"{peer}: {found}" for peer, found in sorted(each.items()) if found)


def _for_terminal(found: Table) -> TerminalTable:
    drawn = TerminalTable(title=found.title, title_justify="left")
    for number, heading in enumerate(found.head):
        drawn.add_column(heading, justify="left" if number == 0 else "right")
    for row in found.rows:
        drawn.add_row(*row)
    return drawn
