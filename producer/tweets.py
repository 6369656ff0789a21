"""The rows of a data set become tweets with ids, once or pass after pass."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice

from producer.datasets import DatasetError, Row


@dataclass(frozen=True, slots=True)
class Tweet:
    """A tweet that waits to be sent."""

    id: str
    text: str
    label: str | None

    @property
    def key(self) -> bytes:
        """The record's key: the id."""
        return self.id.encode("utf-8", "replace")

    def value(self, created_at: datetime) -> bytes:
        """Return the record's JSON; what UTF-8 cannot carry, such as half a surrogate pair, becomes `?`."""
        fields = {"id": self.id, "text": self.text, "created_at": _rfc3339(created_at)}
        if self.label is not None:
            fields["label"] = self.label
        return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")


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
            yield Tweet(f"{prefix}-{row.number}{suffix}", row.text, row.label)
        if empty:
            raise DatasetError(f"data set {prefix!r} has no rows; give one that has, see --dataset and --split")


def _shuffled(rows: Iterator[Row], seed: int, number: int) -> list[Row]:
    shuffled = list(rows)
    random.Random(f"{seed}/{number}").shuffle(shuffled)
    return shuffled


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
