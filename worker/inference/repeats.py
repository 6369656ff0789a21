"""Repeated tweets, such as retweets: the model computes equal token ids once for a batch, and not again for a while."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.inference.token_batch import TokenBatch
from worker.process.metrics import Metrics

REMEMBERED_TOKENS: Final = 256
"""Tokens of the longest text whose logits are remembered: a tweet needs 0.4 kB, and a text of this length 1.4 kB."""

Compute = Callable[[TokenBatch], NDArray[np.float64]]


class Repeats:
    """Finds equal texts by their token ids, and remembers the logits of the `max_tweets` texts that were used last."""

    def __init__(self, max_tweets: int, metrics: Metrics) -> None:
        self._max_tweets = max_tweets
        self._metrics = metrics
        self._remembered: OrderedDict[bytes, bytes] = OrderedDict()

    def logits(self, tokens: TokenBatch, compute: Compute) -> NDArray[np.float64]:
        """Return the logits of all texts, [texts, outputs], and call `compute` once at most, for the new ones."""
        keys = _keys(tokens)
        rows: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            rows.setdefault(key, row)
        new = [key for key in rows if key not in self._remembered]
        self._count(hit=len(rows) - len(new), repeat=len(keys) - len(rows), miss=len(new))
        if len(new) == len(keys):
            return self._computed(tokens, compute, new)
        old = [key for key in rows if key in self._remembered]
        parts = [self._found(old)] if old else []
        if new:
            parts.append(self._computed(tokens.rows(np.array([rows[key] for key in new])), compute, new))
        places = {key: place for place, key in enumerate(old + new)}
        return np.concatenate(parts)[[places[key] for key in keys]]

    def _computed(self, tokens: TokenBatch, compute: Compute, keys: Sequence[bytes]) -> NDArray[np.float64]:
        logits = compute(tokens)
        if self._max_tweets:
            for key, row in zip(keys, logits, strict=True):
                if len(key) <= REMEMBERED_TOKENS * tokens.ids.itemsize:
                    self._remembered[key] = row.tobytes()
            while len(self._remembered) > self._max_tweets:
                self._remembered.popitem(last=False)
        return logits

    def _found(self, keys: Sequence[bytes]) -> NDArray[np.float64]:
        for key in keys:
            self._remembered.move_to_end(key)
        return np.frombuffer(b"".join(map(self._remembered.__getitem__, keys))).reshape(len(keys), -1)

    def _count(self, **outcomes: int) -> None:
        for outcome, texts in outcomes.items():
            self._metrics.cache.labels(outcome).inc(texts)


def _keys(tokens: TokenBatch) -> list[bytes]:
    """Return the bytes of the token ids of each text: equal for equal texts only."""
    ids = tokens.ids.tobytes()
    ends = (np.cumsum(tokens.lengths) * tokens.ids.itemsize).tolist()
    return [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]
