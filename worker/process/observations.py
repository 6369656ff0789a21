"""Many observations of a histogram at once."""

from collections.abc import Sequence

import numpy as np
from prometheus_client import Histogram


def observe_all(histogram: Histogram, amounts: Sequence[float]) -> None:
    """Observe every amount, which `Histogram.observe` does for one amount in ten times the time.

    The sum is added up in the same order, so that its last digit is the same. Only one thread may observe.
    """
    if not amounts:
        return
    values = np.array(amounts, dtype=np.float64)
    buckets = np.searchsorted(histogram._upper_bounds, values)
    for bucket, count in enumerate(np.bincount(buckets).tolist()):
        if count:
            histogram._buckets[bucket].inc(count)
    histogram._sum.set(np.add.accumulate(np.concatenate(([histogram._sum.get()], values)))[-1].item())
