"""Telling Redis the newest counts, from a thread that never holds up the stream."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from worker.counts import Claim
from worker.errors import PassingFault
from worker.messages import Partition
from worker.metrics import Metrics
from worker.redis_counts import RedisCounts

log = logging.getLogger(__name__)

TELL_AGAIN_S: Final = 5.0
RETRY_S: Final = 1.0
STALE_IS_ODD_AFTER: Final = 3


class CountTeller:
    """Tells Redis the newest claims from a thread of its own, so that a slow or dead Redis never slows the stream.

    There is no queue: a newer claim on a partition replaces an older one, and all are told again every few seconds,
    which is what heals a Redis that was away, wiped or restored.
    """

    def __init__(self, store: RedisCounts, metrics: Metrics, on_death: Callable[[BaseException], None]) -> None:
        self._store = store
        self._metrics = metrics
        self._on_death = on_death
        self._claims: dict[Partition, Claim] = {}
        self._untold: set[Partition] = set()
        self._stale_in_a_row: Counter[Partition] = Counter()
        self._failing = False
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="count-teller", daemon=True)

    def start(self) -> None:
        """Starts telling."""
        self._thread.start()

    def own(self, claims: Mapping[Partition, Claim]) -> None:
        """Replaces all claims: these partitions are owned now, and no others."""
        with self._changed:
            self._claims = dict(claims)
            self._untold = set(claims)
            self._stale_in_a_row.clear()
            self._changed.notify()

    def tell(self, claims: Mapping[Partition, Claim]) -> None:
        """Replaces the claims on these partitions. Returns at once."""
        with self._changed:
            self._claims.update(claims)
            self._untold.update(claims)
            self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Tells what is untold, waiting for Redis at most `timeout_s`, and stops."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():  # else it is still waiting for Redis, and ends with the process
            self._store.close()

    def _run(self) -> None:
        try:
            while self._tell_once():
                pass
        except BaseException as error:
            self._on_death(error)

    def _tell_once(self) -> bool:
        """One round; False when all is told and the teller is closing."""
        claims, closing = self._wait_for_claims()
        if claims:
            try:
                self._note_outcomes(claims, self._store.tell(claims))
            except PassingFault as fault:
                self._note_failure(claims, fault)
                if not closing:
                    with self._changed:
                        self._changed.wait_for(lambda: self._closing, timeout=RETRY_S)
        return not closing

    def _wait_for_claims(self) -> tuple[dict[Partition, Claim], bool]:
        with self._changed:
            self._changed.wait_for(lambda: self._untold or self._closing, timeout=TELL_AGAIN_S)
            # Nothing new for a while: say everything again.
            due = self._untold or set(self._claims)
            self._untold = set()
            return {partition: self._claims[partition] for partition in due if partition in self._claims}, self._closing

    def _note_outcomes(self, claims: Mapping[Partition, Claim], outcomes: Mapping[Partition, str]) -> None:
        if self._failing:
            log.info("Redis answers again; it is being told the newest counts")
            self._failing = False
            with self._changed:
                self._untold.update(self._claims)
        for partition, outcome in outcomes.items():
            if outcome != "known":
                self._metrics.counts_published.labels(outcome).inc()
            self._watch_for_refusals(partition, claims[partition], outcome)

    def _watch_for_refusals(self, partition: Partition, claim: Claim, outcome: str) -> None:
        self._stale_in_a_row[partition] = self._stale_in_a_row[partition] + 1 if outcome == "stale" else 0
        if self._stale_in_a_row[partition] == STALE_IS_ODD_AFTER:
            log.error(
                "Redis keeps refusing the counts of %s in generation %d as older than what it has; if no newer worker "
                "owns it (the group was made anew, say), run: python -m worker verify --repair",
                partition,
                claim.generation,
            )

    def _note_failure(self, claims: Mapping[Partition, Claim], fault: PassingFault) -> None:
        self._metrics.counts_published.labels("failed").inc(len(claims))
        if not self._failing:
            log.warning("Redis does not take the counts (%s); the stream goes on and they catch up", fault)
            self._failing = True
        with self._changed:
            self._untold.update(claims)
