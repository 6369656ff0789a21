"""Divides a batch into passes: the texts of one call of the model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.inference.token_batch import TokenBatch


@dataclass(frozen=True, slots=True)
class PaddedPass:
    """The texts at `rows` of the batch; `input_ids` and `attention_mask`, [texts, tokens], are padded with zeros."""

    rows: NDArray[np.intp]
    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]


def padded_passes(tokens: TokenBatch, max_tokens: int) -> Iterator[PaddedPass]:
    """Yield the passes of `cut_into_passes`, padded to the longest text of each pass."""
    starts = np.cumsum(tokens.lengths) - tokens.lengths
    for rows in cut_into_passes(tokens.lengths, max_tokens):
        columns = np.arange(tokens.lengths[rows[0]])
        real = columns < tokens.lengths[rows, None]
        input_ids = np.zeros(real.shape, dtype=np.int64)
        input_ids[real] = tokens.ids[(starts[rows, None] + columns)[real]]
        yield PaddedPass(rows, input_ids, real.astype(np.int64))


def cut_into_passes(lengths: Sequence[int] | NDArray[np.int32], max_tokens: int) -> list[NDArray[np.intp]]:
    """Group texts of similar length, so that passes have little padding.

    `lengths` are the tokens of each text. Return arrays of indices into `lengths`, longest texts first: the first pass
    needs the most memory and the most time. In each pass rows x longest row <= `max_tokens`; a longer text is a pass of
    its own.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    passes: list[NDArray[np.intp]] = []
    while order.size:
        rows = max(1, max_tokens // max(1, lengths[order[0]]))
        passes.append(order[:rows])
        order = order[rows:]
    return passes
