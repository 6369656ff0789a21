"""Convert texts to token ids, and token ids to padded tensors and batches."""

import random
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
import torch
from tokenizers import Tokenizer

TokenIds = Sequence[Sequence[int]]
"""One list of token ids for each text, [CLS] and [SEP] included."""

_BUCKET_BATCHES = 50
"""Batches whose rows are sorted by length together: enough for little padding, few enough for random batches."""


def encode(
    tokenizer: Tokenizer, texts: Sequence[str], *, normalize: Callable[[str], str], max_tokens: int
) -> list[list[int]]:
    """Return the token ids of each text after normalisation: at most `max_tokens`, [CLS] and [SEP] included."""
    truncating = Tokenizer.from_str(tokenizer.to_str())
    truncating.no_padding()
    truncating.enable_truncation(max_tokens)
    return [encoding.ids for encoding in truncating.encode_batch([normalize(text) for text in texts])]


def padded(ids: Sequence[Sequence[int]], *, pad_id: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `input_ids` and `attention_mask`, both int64 [texts, tokens of the longest text]."""
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    mask = np.arange(lengths.max()) < lengths[:, None]
    input_ids = np.full(mask.shape, pad_id, np.int64)
    input_ids[mask] = np.fromiter(chain.from_iterable(ids), np.int64, lengths.sum())
    return torch.from_numpy(input_ids), torch.from_numpy(mask.astype(np.int64))


def length_bucketed(lengths: Sequence[int], batch_size: int, rng: random.Random) -> list[list[int]]:
    """Return shuffled batches of indices with similar lengths, which need little padding.

    Only the rows of _BUCKET_BATCHES batches at a time are sorted by length, so that another `rng` gives other batches.
    """
    order = list(range(len(lengths)))
    rng.shuffle(order)
    bucket = batch_size * _BUCKET_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), bucket):
        similar = sorted(order[start : start + bucket], key=lambda index: lengths[index])
        batches += [similar[cut : cut + batch_size] for cut in range(0, len(similar), batch_size)]
    rng.shuffle(batches)
    return batches
