"""DEAD_LETTER_MAX_SHARE: a worker that turns too many records into dead letters exits before it commits them."""

import logging
from collections import Counter, deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from worker.errors import ExitCode, FatalError
from worker.labelling import RecordOutcome

log = logging.getLogger(__name__)

WINDOW: Final = 1_000
"""Records of which the share is taken: the last ones of this worker."""

ENOUGH: Final = 10
"""Dead letters that stop a worker with fewer than WINDOW records since its start: one bad record is no share yet."""


class DeadLetterShare:
    """The share of dead letters among the records that this worker has committed last, and the batch that follows."""

    def __init__(self, limit: float | None = None) -> None:
        """`limit` is DEAD_LETTER_MAX_SHARE; None: no limit."""
        self._limit = limit
        self._committed: deque[str | None] = deque(maxlen=WINDOW)
        """The last WINDOW records, the oldest first: the reason of a dead letter, None for a labelled tweet."""

    def check(self, batch: Sequence[RecordOutcome]) -> None:
        """Raise FatalError if the share reaches the limit with this batch, which must not be committed then."""
        if self._limit is None:
            return
        dead = [outcome for outcome in batch if outcome.reason is not None]
        if not dead:  # labelled tweets alone do not raise the share
            return
        window = _most_dead_letters([*self._committed, *(outcome.reason for outcome in batch)])
        reasons = Counter(reason for reason in window if reason is not None)
        total = reasons.total()
        if total / len(window) < self._limit:
            return
        described = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        newest = f"{dead[-1].record.partition}@{dead[-1].record.offset}"
        if total < ENOUGH and total / WINDOW < self._limit:
            log.warning(
                "%d of the first %d records since the start are dead letters (%s), the newest at %s: the worker exits "
                "from %d dead letters on (DEAD_LETTER_MAX_SHARE=%g)",
                *(total, len(window), described, newest, ENOUGH, self._limit),
            )
            return
        raise FatalError(
            f"DEAD_LETTER_MAX_SHARE={self._limit:g}: {total} of the last {len(window)} records of topic "
            f"{dead[-1].record.partition.topic} are dead letters ({described}), the newest at {newest}; the batch is "
            "not committed: check KAFKA_INPUT_TOPIC and the producers of the topic, or raise DEAD_LETTER_MAX_SHARE",
            ExitCode.DEAD_LETTERS,
        )

    def committed(self, batch: Sequence[RecordOutcome]) -> None:
        """Remember a batch whose commit has succeeded."""
        if self._limit is not None:
            self._committed.extend(outcome.reason for outcome in batch)


def _most_dead_letters(reasons: Sequence[str | None]) -> Sequence[str | None]:
    """Return the WINDOW records in a row with the most dead letters; all records if there are fewer."""
    dead = [0, *accumulate(reason is not None for reason in reasons)]
    starts = range(max(1, len(reasons) - WINDOW + 1))
    start = max(starts, key=lambda first: dead[min(first + WINDOW, len(reasons))] - dead[first])
    return reasons[start : start + WINDOW]
