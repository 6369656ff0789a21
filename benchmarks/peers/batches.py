"""How a peer that leaves batching to its user gets texts: in fixed batches, or in passes of similar length."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

BATCH_SIZE: Final = 32

#: The model reads at most so many tokens of a text.
MAX_TOKENS: Final = 128

#: Padded tokens of one pass: the fastest of 256, 512 and 1,024 on two cores, for ONNX Runtime and OpenVINO alike.
PASS_TOKENS: Final = 512


def in_batches(texts: Sequence[str], size: int = BATCH_SIZE) -> Iterator[list[str]]:
    """Yield the texts in batches of `size`, the last one smaller."""
    for start in range(0, len(texts), size):
        yield list(texts[start : start + size])


def in_passes(texts: Sequence[str], tokenizer: Any) -> Iterator[list[list[int]]]:
    """Tokenise, sort by length and yield passes of at most PASS_TOKENS padded tokens, the longest texts first."""
    found = tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS).input_ids
    rows: list[list[int]] = []
    for ids in sorted(found, key=len, reverse=True):
        if rows and (len(rows) + 1) * len(rows[0]) > PASS_TOKENS:
            yield rows
            rows = []
        rows.append(ids)
    if rows:
        yield rows
