"""The order of a replay: which rows of a data set are sent as tweets, in one pass or in pass after pass."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice

from tweets.datasets import DatasetError, Row
from tweets.tweet import Tweet


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """Which tweets are sent, and in which order.

    `loop` starts another pass after each pass; `seed` None is the order of the file; `limit` is the number of tweets
    over all passes, None for all.
    """

    loop: bool = False
    seed: int | None = None
    limit: int | None = None


def tweets(read: Callable[[], Iterator[Row]], *, prefix: str, order: ReplayOrder) -> Iterator[Tweet]:
    """Yield the tweets to send; each pass calls `read`, which opens the data set.

    Ids are `<prefix>-<row>`, with `-<pass>` from the second pass on. With a seed the split is read into memory, and
    every pass has another order, the same in each run. Raises DatasetError if the data set has no row.
    """
    passes: Iterable[int] = count(1) if order.loop else (1,)
    return islice(_all_passes(passes, read, prefix, order.seed), order.limit)


def _all_passes(
    passes: Iterable[int],
    read: Callable[[], Iterator[Row]],
    prefix: str,
    seed: int | None,
) -> Iterator[Tweet]:
    for number in passes:
        rows = read() if seed is None else _shuffled(read(), seed, number)
        suffix = f"-{number}" if number > 1 else ""
        empty = True
        for row in rows:
            empty = False
            yield Tweet(f"{prefix}-{row.number}{suffix}", row.text, label=row.label)
        if empty:
            raise DatasetError(f"data set {prefix!r} has no rows; choose another with --dataset or --split")


def _shuffled(rows: Iterator[Row], seed: int, number: int) -> list[Row]:
    shuffled = list(rows)
    random.Random(f"{seed}/{number}").shuffle(shuffled)
    return shuffled
