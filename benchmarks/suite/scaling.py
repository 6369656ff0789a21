"""The part *scaling*, of the profile full only: one thing changes at a time."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.suite.drain import drain
from benchmarks.suite.end_to_end import one_line
from benchmarks.suite.errors import BenchmarkError
from benchmarks.suite.profiles import Profile
from benchmarks.suite.programs import Program, worker
from benchmarks.suite.progress import say
from benchmarks.suite.servers import Servers
from benchmarks.suite.texts import Text, Texts
from benchmarks.suite.topics import PARTITIONS, Backlog, delete, fill
from deploy.local.errors import LocalError

_INSTANT: Final = ("--engine", "instant")

#: Tweets for the real engine: more than it labels in one round.
_REAL_BACKLOG_SHARE: Final = 0.2


#: A repeated tweet follows its first appearance closely: within the seconds in which a worker collects a batch.
RECENT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Scaling:
    """The rate of one variant; `failure` is the reason if there is none."""

    dimension: str
    variant: str
    tweets_per_second: float | None
    failure: str = ""


def measure_scaling(profile: Profile, servers: Servers, texts: Texts, backlog: Backlog, folder: Path) -> list[Scaling]:
    """Measure every variant once; a variant that fails has the reason in place of its rate."""
    found = []
    for dimension, variant, program, source in _variants(servers, texts, backlog):
        say(f"scaling: {dimension}: {variant}")
        try:
            result = drain(program, source, folder, seconds=profile.end_to_end_s / 2)
            found.append(Scaling(dimension, variant, result.tweets_per_second))
        except (BenchmarkError, LocalError) as error:
            found.append(Scaling(dimension, variant, None, one_line(error)))
        if source is not backlog:
            delete(servers, [source.topic])
    return found


def _variants(servers: Servers, texts: Texts, backlog: Backlog) -> Iterator[tuple[str, str, Program, Backlog]]:
    """Yield dimension, variant, program and backlog. Topics are filled one after the other, when they are needed."""
    for processes in (1, 2):
        yield "workers, real engine", str(processes), worker("scaling", processes=processes), backlog
        yield "workers, instant engine", str(processes), worker("scaling", *_INSTANT, processes=processes), backlog
    for limit in (128, 512, 2048, 4096, 8192):
        settings = {"BATCH_MAX_TWEETS": str(limit)}
        yield "BATCH_MAX_TWEETS, instant engine", str(limit), worker("scaling", *_INSTANT, settings=settings), backlog
        yield "BATCH_MAX_TWEETS, real engine", str(limit), worker("scaling", settings=settings), backlog
    for partitions in (1, PARTITIONS, 48):
        filled = fill(servers, _raw(texts.distinct(backlog.tweets)), partitions=partitions)
        yield "partitions, instant engine", str(partitions), worker("scaling", *_INSTANT), filled
    few = round(_REAL_BACKLOG_SHARE * backlog.tweets)
    for name, variants in _texts_of_other_lengths(texts, few):
        yield "text length, real engine", name, worker("scaling"), fill(servers, variants)
    for share in (0, 50, 90):
        yield (
            "share of repeated tweets, real engine",
            f"{share} %",
            worker("scaling"),
            fill(servers, with_repeats(list(_raw(texts.distinct(few))), share)),
        )
    yield from _long_backlog(servers, texts, backlog)


def _long_backlog(servers: Servers, texts: Texts, backlog: Backlog) -> Iterator[tuple[str, str, Program, Backlog]]:
    short = backlog.tweets // 10
    for tweets in (short, 10 * short):
        filled = fill(servers, _raw(texts.distinct(tweets)))
        yield "backlog, instant engine", f"{tweets:,} tweets", worker("scaling", *_INSTANT), filled


def _texts_of_other_lengths(texts: Texts, count: int) -> Iterator[tuple[str, Iterable[str]]]:
    ranked = sorted(texts.texts, key=lambda text: text.tokens)
    quarter = max(1, len(ranked) // 4)
    shortest, longest = Texts(texts.dataset, ranked[:quarter]), Texts(texts.dataset, ranked[-quarter:])
    yield "the shortest quarter", _raw(shortest.distinct(count))
    yield "the longest quarter", _raw(longest.distinct(count))
    yield "four tweets in one", (" ".join(4 * [text]) for text in _raw(texts.distinct(count)))


def with_repeats(texts: Sequence[str], share_percent: int) -> list[str]:
    """Return as many texts, of which this share repeats one of the RECENT texts before, as retweets do."""
    rng = random.Random(share_percent)
    found: list[str] = []
    remaining = iter(texts)
    for position in range(1, len(texts) + 1):
        repeats = position * share_percent // 100 > (position - 1) * share_percent // 100
        found.append(rng.choice(found[-RECENT:]) if repeats and found else next(remaining))
    return found


def _raw(texts: Iterable[Text]) -> Iterator[str]:
    return (text.raw for text in texts)
