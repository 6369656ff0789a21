"""Redis beside the fold of the output: totals, running counts of the partitions, minutes, hours and days."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from chaos.stream.account import StreamAccount
from chaos.stream.differences import CountsDifference, difference
from chaos.stream.period_fold import stored_periods
from chaos.stream_names import StreamNames

_TOTAL: Final = "total"


def redis_difference(client: Any, names: StreamNames, account: StreamAccount) -> CountsDifference:
    """Return how far every count in Redis is from the committed output."""
    prefix = names.redis_prefix
    totals: Counter[str] = Counter()
    for each in account.counts:
        totals.update(each)
    stored = {field: json.loads(counts) for field, counts in client.hgetall(f"{prefix}:partitions").items()}
    folded = {names.state_name(partition): dict(counts) for partition, counts in enumerate(account.counts)}
    return (
        difference({"counts": _numbers(client.hgetall(f"{prefix}:counts"))}, {"counts": totals})
        .plus(difference(stored, folded))
        .plus(difference(stored_periods(client, prefix), account.periods.kept()))
    )


def total_difference(client: Any, names: StreamNames, expected: int) -> CountsDifference:
    """Return how far the sum of the totals of all emotions is from the number of records."""
    key = f"{names.redis_prefix}:counts"
    counts = _numbers(client.hgetall(key))
    return difference({key: {_TOTAL: sum(counts.values())}}, {key: {_TOTAL: expected}})


def _numbers(counts: Mapping[str, str]) -> dict[str, int]:
    return {name: int(count) for name, count in counts.items()}
