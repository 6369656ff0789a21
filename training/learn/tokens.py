"""Texts become token ids, token ids become padded tensors."""

import random
from collections.abc import Callable, Sequence

import torch
from tokenizers import Tokenizer

TokenIds = Sequence[Sequence[int]]
"""One list of token ids for each text, [CLS] and [SEP] included."""

_BUCKET_BATCHES = 50


def encode(
    tokenizer: Tokenizer, texts: Sequence[str], *, normalize: Callable[[str], str], max_tokens: int
) -> list[list[int]]:
    """Return the token ids of each text, cut after `max_tokens` with [CLS] and [SEP]."""
    cutting = Tokenizer.from_str(tokenizer.to_str())
    cutting.no_padding()
    cutting.enable_truncation(max_tokens)
    return [encoding.ids for encoding in cutting.encode_batch([normalize(text) for text in texts])]


def padded(ids: Sequence[Sequence[int]], *, pad_id: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `input_ids` and `attention_mask`, both int64 [batch, longest]."""
    longest = max(map(len, ids))
    input_ids = torch.full((len(ids), longest), pad_id, dtype=torch.int64)
    mask = torch.zeros_like(input_ids)
    for row, one in enumerate(ids):
        input_ids[row, : len(one)] = torch.tensor(one, dtype=torch.int64)
        mask[row, : len(one)] = 1
    return input_ids, mask


def length_bucketed(lengths: Sequence[int], batch_size: int, rng: random.Random) -> list[list[int]]:
    """Return shuffled batches of indices in which lengths are alike, so that little is padded.

    Lengths are sorted only within shuffled stretches of fifty batches: batches differ from epoch to epoch.
    """
    order = list(range(len(lengths)))
    rng.shuffle(order)
    stretch = batch_size * _BUCKET_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), stretch):
        alike = sorted(order[start : start + stretch], key=lambda index: lengths[index])
        batches += [alike[cut : cut + batch_size] for cut in range(0, len(alike), batch_size)]
    rng.shuffle(batches)
    return batches
