"""Divides a batch into passes: the texts of one call of the model."""

from collections.abc import Sequence


def cut_into_passes(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Group texts of similar length, so that passes have little padding.

    `lengths` are the tokens of each text. Return lists of indices into `lengths`, longest texts first: the first pass
    needs the most memory. In each pass rows x longest row <= `max_tokens`; a longer text is a pass of its own.
    """
    passes: list[list[int]] = []
    rows = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not passes or len(passes[-1]) >= rows:
            passes.append([])
            rows = max(1, max_tokens // max(1, lengths[index]))
        passes[-1].append(index)
    return passes
