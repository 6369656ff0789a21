"""The threshold of neutral that a model folder suggests, and the rule by which the threshold is chosen."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from training.score.neutral import NeutralScores, ThresholdLimit, suggested_threshold

MAX_LOST: Final = 0.08
"""Share of labelled rows that may be called neutral: of development tweets, and of data sets that know neutral.

At most 10 % are to be lost of other tweets; two points are left for chance in sets of several hundred rows."""
MAX_LOST_WITHOUT_NEUTRAL: Final = 0.005
"""The same share of validation rows of a data set without neutral rows: its texts name an emotion, few are neutral."""
RULE: Final = (
    "The lowest hundredth at which int8 calls neutral at most "
    f"{MAX_LOST_WITHOUT_NEUTRAL:.1%} of the validation rows of a first data set without neutral rows, and at most "
    f"{MAX_LOST:.0%} of the rows with a label of the other validation splits and of `sample-dev`. "
    "The lowest threshold finds the most neutral rows."
)


class ChoiceSet(NamedTuple):
    """Scores on a validation or development set."""

    name: str
    scores: NeutralScores
    is_without_neutral: bool
    """Whether it is the validation split of a data set without neutral rows."""


def chosen_threshold(sets: Iterable[ChoiceSet]) -> dict[str, Any]:
    """Return threshold, rule and the scores that decided, JSON-ready; the threshold is None if no one keeps the limits.

    Test splits and `sample` must not be among the sets.
    """
    limits = [_limit(one) for one in sets]
    threshold = suggested_threshold(limits)
    return {"threshold": threshold, "rule": RULE, "chosen_on": _by_name(limits, threshold)}


def _limit(one: ChoiceSet) -> ThresholdLimit:
    return ThresholdLimit(one.name, one.scores, MAX_LOST_WITHOUT_NEUTRAL if one.is_without_neutral else MAX_LOST)


def _by_name(limits: Sequence[ThresholdLimit], threshold: float | None) -> dict[str, Any]:
    return {limit.name: limit.as_dict(threshold) for limit in limits}
