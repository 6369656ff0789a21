"""How a batch is cut into passes, one call of the model each."""

from collections.abc import Sequence


def cut_into_passes(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Groups texts of similar length, so that little of the model's work is padding.

    `lengths` are tokens per text. Returns lists of indices into it, longest texts first (memory then peaks in the
    first pass). In each pass rows x longest row <= `max_tokens`; a text longer than that is a pass of its own.
    """
    passes: list[list[int]] = []
    rows = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not passes or len(passes[-1]) >= rows:
            passes.append([])
            rows = max(1, max_tokens // max(1, lengths[index]))
        passes[-1].append(index)
    return passes
