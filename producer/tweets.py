"""The rows of a data set become tweets with ids, once or pass after pass."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice

from tweets.datasets import DatasetError, Row
from tweets.tweet import Tweet


@dataclass(frozen=True, slots=True)
class Order:
    """Which tweets are sent, in what order: `seed` None is the file's order, `limit` None all of them."""

    loop: bool = False
    seed: int | None = None
    limit: int | None = None


def tweets(read: Callable[[], Iterator[Row]], *, prefix: str, order: Order) -> Iterator[Tweet]:
    """Yield the tweets to send; `read` opens the data set anew for each pass.

    Ids are `<prefix>-<row>`, with `-<pass>` from the second pass on. A seed reads the split into memory and
    gives every pass an order of its own, the same in each run. Raises DatasetError if there is no row.
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
            raise DatasetError(f"data set {prefix!r} has no rows; give one that has, see --dataset and --split")


def _shuffled(rows: Iterator[Row], seed: int, number: int) -> list[Row]:
    shuffled = list(rows)
    random.Random(f"{seed}/{number}").shuffle(shuffled)
    return shuffled
