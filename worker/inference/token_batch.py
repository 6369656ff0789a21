"""Token ids of several texts in two flat arrays: no Python object for each text or token."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """`ids`, int32 [tokens], has the texts one after another; `lengths`, int32 [texts], has the tokens of each text."""

    ids: NDArray[np.int32]
    lengths: NDArray[np.int32]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "TokenBatch":
        """Return the batch of texts given as lists of token ids."""
        lengths = np.fromiter(map(len, rows), dtype=np.int32, count=len(rows))
        return cls(np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(lengths.sum())), lengths)

    @classmethod
    def joined(cls, batches: Sequence["TokenBatch"]) -> "TokenBatch":
        """Return the texts of several batches as one batch."""
        return cls(
            np.concatenate([batch.ids for batch in batches]), np.concatenate([batch.lengths for batch in batches])
        )

    def rows(self, rows: NDArray[np.intp]) -> "TokenBatch":
        """Return the texts with these indices, in this order."""
        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        starts = (np.cumsum(self.lengths) - self.lengths)[rows]
        return TokenBatch(self.ids[np.arange(lengths.sum()) + np.repeat(starts - (ends - lengths), lengths)], lengths)
