"""One run of `python -m worker verify`: connects, repairs if asked to, compares, explains, and ends in time."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from worker import time_limits
from worker.deadline import Deadline, in_time
from worker.errors import ExitCode, FatalError
from worker.kafka.committed import CommittedReader
from worker.kafka.committed_windows import CommittedWindows
from worker.kafka.reachable import wait_until_reachable
from worker.redis.store import CountsStore, CountsStoreError
from worker.redis.window_store import WindowStore
from worker.settings import Settings
from worker.verify.causes import Cause
from worker.verify.compare import Look, Wait, repair, verify
from worker.verify.evidence import KafkaEvidence, RedisEvidence, gathered
from worker.verify.explain import Explainer
from worker.verify.finding import Explanation, Finding
from worker.verify.findings import not_reached_finding
from worker.verify.repair_windows import repair_windows
from worker.verify.windows import WindowsCheck
from worker.windows.recount import WindowRecount


def run_verify(settings: Settings, *, fix: bool, timeout_s: float | None) -> list[Finding]:
    """Return the findings within `timeout_s` seconds; None: as long as it takes to read.

    With `fix`, Redis is first made equal to Kafka. What was not compared in time is a finding of its own. Raises
    FatalError and TransientError.
    """
    run = VerifyRun(settings, fix=fix, timeout_s=timeout_s)
    return in_time(run.findings, Deadline.after(timeout_s), instead=run.so_far)


@dataclass
class VerifyRun:
    """The run; another thread may ask what it has found until now."""

    settings: Settings
    fix: bool
    timeout_s: float | None
    _doing: str = "connecting to Kafka"
    _look: Look | None = None
    _deadline: Deadline = field(init=False)

    def __post_init__(self) -> None:
        """Keep some of the time for the causes: comparisons end before the run does."""
        kept_s = min(time_limits.VERIFY_CAUSES.seconds, (self.timeout_s or 0.0) / 2)
        self._deadline = Deadline.after(self.timeout_s).earlier(kept_s)

    def findings(self) -> list[Finding]:
        """Return the findings, with their causes."""
        wait_until_reachable(self.settings)
        try:
            return self._compared()
        except CountsStoreError as error:
            raise FatalError(f"Redis failed: {error}", ExitCode.REDIS) from None

    def so_far(self) -> list[Finding]:
        """Return what was found until now, and what was not compared."""
        if self._look is None:
            return not_reached_finding([f"everything: the time-out came while {self._doing}"])
        return [self._without_cause(finding) for finding in self._look.findings]

    def _compared(self) -> list[Finding]:
        settings = self.settings
        recount = WindowRecount(settings.window_limits(), now_ms=int(time.time() * 1000))
        windows = CommittedWindows(settings)
        with (
            closing(CountsStore.of(settings)) as store,
            closing(WindowStore.of(settings)) as window_store,
            CommittedReader(settings, recount, deadline=self._deadline) as reader,
        ):
            if self.fix:
                self._doing = "repairing Redis, which verify --repair does again from the start"
                repair(reader, store)
                repair_windows(windows, window_store, reader.input_partitions())
            self._doing = "reading the committed offsets and the output topic"
            return verify(
                reader,
                store,
                Wait(time_limits.VERIFY.seconds if self.timeout_s is None else self.timeout_s, self._deadline),
                windows=WindowsCheck(recount, windows, window_store, deadline=self._deadline),
                explained=lambda look: explained(look, reader, store),
                note=self._note,
            )

    def _note(self, look: Look) -> None:
        self._look = look

    def _without_cause(self, finding: Finding) -> Finding:
        if not finding.is_unexplained:
            return finding
        unknown = Explanation(
            Cause.UNKNOWN,
            "the time-out came before the cause was found",
            "run verify again with a longer --timeout",
        )
        return replace(finding, explanation=unknown)


def explained(look: Look, kafka: KafkaEvidence, store: RedisEvidence) -> Sequence[Finding]:
    """Return the findings of a comparison, each difference with its cause; ask nothing where there is none."""
    unexplained = [each for each in look.findings if each.is_unexplained]
    if not unexplained:
        return look.findings
    subjects = {each.subject for each in unexplained}
    partitions = {each for each in look.partitions if str(each) in subjects}
    partitions |= {place for each in unexplained for place in each.places if place is not None}
    evidence = gathered(kafka, store, partitions, reads_output=any(map(look.output_differs, partitions)))
    return Explainer(look, evidence, store.field).findings()
