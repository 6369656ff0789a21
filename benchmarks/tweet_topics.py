"""What tweet topics cost a worker: its throughput and memory with 100 tweet topics, and without, in turn.

    python -m benchmarks.tweet_topics --dataset emotion

The 1,000 terms of the tweet topics are words of the data set's own tweets, so that most tweets belong to some.
Both workers read the same backlog, on an embedded Kafka and Redis, or on an Apache Kafka where KAFKA_HOME is set. The
last line on stdout is one JSON object. Its field `holds`, and exit code 0, mean: the median ratio of the pairs is at
least 0.95, and the worker with tweet topics needs at most 60 MB more.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.suite.drain import DrainResult, drain
from benchmarks.suite.errors import BenchmarkError
from benchmarks.suite.machine import hardware
from benchmarks.suite.programs import Program, worker
from benchmarks.suite.progress import say
from benchmarks.suite.servers import running_servers
from benchmarks.suite.texts import Texts
from benchmarks.suite.topics import fill
from deploy.local.errors import LocalError
from worker.process.option_types import positive
from worker.settings import BUNDLED_MODEL

LEAST_RATIO: Final = 0.95
MOST_MB: Final = 60.0

SUBJECTS: Final = 100
TERMS: Final = 10

#: The most frequent words are in almost every tweet, and no useful term of a tweet topic.
FIRST_WORD: Final = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if everything holds, 1 if not, 2 if nothing could be measured."""
    options = _options(arguments)
    try:
        pairs, kafka = _measure(options)
    except (BenchmarkError, LocalError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    ratios = [with_topics.tweets_per_second / without.tweets_per_second for without, with_topics in pairs]
    more_mb = statistics.median(with_topics.peak_mb - without.peak_mb for without, with_topics in pairs)
    ratio = statistics.median(ratios)
    holds = ratio >= LEAST_RATIO and more_mb <= MOST_MB
    print(
        json.dumps(
            {
                "holds": holds,
                "median_ratio": round(ratio, 3),
                "ratios": [round(each, 3) for each in sorted(ratios)],
                "tweets_per_second": [round(without.tweets_per_second) for without, _ in pairs],
                "more_mb": round(more_mb, 1),
                "engine": options.engine,
                "dataset": options.dataset,
                "kafka": kafka,
                "hardware": hardware(),
            }
        )
    )
    return 0 if holds else 1


def topics_file(texts: Iterable[str]) -> str:
    """Return a topics file whose terms are words of the texts, frequent and rare ones in every tweet topic."""
    counts = Counter(word for text in texts for word in set(re.findall(r"[a-z]{3,}", text.lower())))
    words = [word for word, _ in counts.most_common(FIRST_WORD + SUBJECTS * TERMS)][FIRST_WORD:]
    if len(words) < SUBJECTS * TERMS:
        raise BenchmarkError(f"the data set has {len(words)} words for terms and needs {SUBJECTS * TERMS}")
    topics = [{"name": f"topic-{n}", "terms": words[n::SUBJECTS]} for n in range(SUBJECTS)]
    return json.dumps({"topics": topics})  # JSON is YAML too


def _measure(options: argparse.Namespace) -> tuple[list[tuple[DrainResult, DrainResult]], str]:
    """Return the results of each pair, without and with tweet topics, and which Kafka it was."""
    texts = Texts.of(options.dataset, BUNDLED_MODEL)
    with tempfile.TemporaryDirectory() as name, running_servers() as servers:
        folder = Path(name)
        file = folder / "topics.yaml"
        file.write_text(topics_file(text.raw for text in texts.texts), encoding="utf-8")
        engine = ("--engine", "instant") if options.engine == "instant" else ()
        programs = (
            worker("without tweet topics", *engine),
            worker("with tweet topics", *engine, settings={"TOPICS_FILE": str(file)}),
        )
        backlog = fill(servers, (text.raw for text in texts.distinct(options.tweets)))

        def measured(program: Program) -> DrainResult:
            result = drain(program, backlog, folder, seconds=options.seconds)
            say(f"  {program.name}: {result.tweets_per_second:,.0f} tweets/s, {result.peak_mb:.0f} MB")
            return result

        pairs = []
        for number in range(options.pairs):
            say(f"pair {number + 1} of {options.pairs}")
            first, second = programs if number % 2 == 0 else programs[::-1]
            results = {each.name: measured(each) for each in (first, second)}
            pairs.append((results[programs[0].name], results[programs[1].name]))
        return pairs, servers.kafka


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tweet_topics", description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="sample", help="name, folder, file or hub id of a data set (sample)")
    parser.add_argument("--pairs", type=positive, default=7, help="pairs of rounds (7)")
    parser.add_argument("--seconds", type=positive, default=8, help="seconds of a round after its first commit (8)")
    parser.add_argument("--tweets", type=positive, default=25_000, help="tweets of the backlog (25,000)")
    parser.add_argument("--engine", choices=("real", "instant"), default="real", help="the worker's engine (real)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
