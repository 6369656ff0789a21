"""Each rule that is switched off, the clauses of the promise that it breaks, and its control.

A control does the same work in the same rewritten or wrapped way, with the rule switched on: it shows that the missing
rule breaks the promise, and not the rewriting.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tests.simulator import checkpoint_mutants as checkpoints
from tests.simulator import loop_mutants as loops
from tests.simulator import position_mutants as positions
from tests.simulator import refusal_mutants as refusals
from tests.simulator import share_mutants as shares
from tests.simulator import store_mutants as stores
from tests.simulator import window_mutants as windows
from tests.simulator.process import Parts
from tests.simulator.store import FakeRedis
from tests.simulator.surroundings import Clause
from worker.labelling import Labeller
from worker.loop import Loop

MAX_SHARE: Final = 0.8
"""DEAD_LETTER_MAX_SHARE of the schedules that try it: most records of a schedule become dead letters."""

Part = type[Loop] | type[Labeller] | type[FakeRedis]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A part with a rule switched off, each clause that it breaks in some schedule, and its control if it has one.

    `also` are clauses that only rare schedules break without one of the others.
    """

    part: Part
    breaks: frozenset[Clause]
    also: frozenset[Clause]
    control: Part | None = None


def parts_with(part: Part) -> Parts:
    """Return the parts of a schedule with this one replaced."""
    if issubclass(part, shares.WrapsItsShare):
        return Parts(loop=part, max_share=MAX_SHARE)
    if issubclass(part, Loop):
        return Parts(loop=part)
    return Parts(labeller=part) if issubclass(part, Labeller) else Parts(store=part)


def _mutant(part: Part, *breaks: Clause, also: Iterable[Clause] = (), control: Part | None = None) -> Mutant:
    return Mutant(part, frozenset(breaks), frozenset(also), control)


_LOOPS: Final = (
    _mutant(loops.SeeksToTheBatchInsteadOfRestoring, Clause.DOUBLED, control=loops.RewrittenRun),
    _mutant(loops.NeverReplacesTheProducer, Clause.PROGRESS, control=loops.RewrittenRun),
    _mutant(
        loops.KeepsTheBatchWhenMembershipChanges,
        *(Clause.DOUBLED, Clause.LOST, Clause.ORDER),
        control=loops.RewrittenCollect,
    ),
    _mutant(loops.LooksAtPartitionsButNotAtTheGeneration, Clause.DOUBLED, Clause.LOST, control=loops.RewrittenCollect),
    _mutant(loops.IgnoresThatItIsNotInTheGroup, Clause.DOUBLED),
    _mutant(loops.AsksForItsMembershipOnlyAtTheCommit, Clause.DOUBLED, control=loops.WrapsItsStream),
    _mutant(loops.CommitsThoughARecordFailed, Clause.LOST, control=loops.WrapsItsStream),
    _mutant(loops.PublishesCountsBeforeTheCommit, Clause.UNCOMMITTED_COUNTS, control=loops.WrapsItsStream),
    _mutant(loops.KeepsTheRestOfABatchOverARestore, Clause.DOUBLED, Clause.LOST, Clause.ERROR),
    _mutant(loops.PublishesARefusedBatchIntoTheSameTransaction, Clause.PROGRESS, control=loops.WrapsItsStream),
    _mutant(loops.CountsFromZeroAtEachRestore, Clause.OFFSET_METADATA),
    _mutant(
        loops.KeepsItsCountsOverARestore,
        *(Clause.OFFSET_METADATA, Clause.SKIPPED),
        also=(Clause.REDIS_COUNTS, Clause.PUBLISHED_WINDOWS),
    ),
    _mutant(loops.PublishesNothingAfterARestore, Clause.REDIS_COUNTS),
    _mutant(loops.CommitsTheOffsetOfTheLastRecord, Clause.DOUBLED),
)
_CHECKPOINTS: Final = (
    _mutant(
        checkpoints.NeverReadsTheSecondCopy,
        *(Clause.PROGRESS, Clause.DOUBLED, Clause.OFFSET_METADATA, Clause.REDIS_COUNTS, Clause.SKIPPED),
        also=(Clause.LOST, Clause.WINDOWS, Clause.PUBLISHED_WINDOWS),
        control=checkpoints.WrapsItsRestore,
    ),
    _mutant(
        checkpoints.StartsFromZeroWithoutACommittedOffset,
        *(Clause.DOUBLED, Clause.OFFSET_METADATA, Clause.REDIS_COUNTS, Clause.SKIPPED),
        also=(Clause.LOST, Clause.WINDOWS, Clause.PUBLISHED_WINDOWS),
        control=checkpoints.WrapsItsRestore,
    ),
    _mutant(
        checkpoints.LeavesTheSecondCopyBehind,
        *(Clause.DOUBLED, Clause.OFFSET_METADATA, Clause.SKIPPED),
        also=(Clause.WINDOWS, Clause.PUBLISHED_WINDOWS),
        control=loops.WrapsItsStream,
    ),
    _mutant(checkpoints.ForgetsTheGenerationBase, Clause.REDIS_COUNTS),
    _mutant(checkpoints.DoesNotCommitWhatItRestored, Clause.UNCOMMITTED_COUNTS),
)
_POSITIONS: Final = (
    _mutant(
        positions.StartsOverWithoutOffsetMetadata, Clause.DOUBLED, Clause.LOST, control=checkpoints.WrapsItsRestore
    ),
    _mutant(positions.SkipsDeletedRecordsSilently, Clause.LOST, control=positions.ChangesItsRestorer),
    _mutant(positions.CommitsSkippedRecordsWithTheNextBatch, Clause.UNCOMMITTED_COUNTS),
    _mutant(positions.NeverCommitsPassedOffsets, Clause.PROGRESS),
    _mutant(positions.KeepsPositionsOverARestore, Clause.LOST),
    _mutant(positions.PassesOverRecordsThatAreNotLabelled, Clause.LOST, control=positions.RewrittenLabel),
)
_REFUSALS: Final = (
    _mutant(refusals.RetriesARefusedBatch, Clause.PROGRESS, control=refusals.RewrittenPublish),
    _mutant(refusals.LeavesOutRefusedRecords, Clause.LOST, control=refusals.RewrittenPublish),
    _mutant(refusals.KnowsNoSizeLimit, Clause.PROGRESS, control=refusals.RewrittenLabeller),
    _mutant(refusals.RetriesRefusedMetadata, Clause.PROGRESS, control=refusals.ChecksNoMetadata),
)
_SHARES: Final = (
    _mutant(shares.ChecksTheShareAfterTheCommit, Clause.DEAD_LETTER_SHARE, control=shares.WrapsItsShare),
    _mutant(shares.CountsTheShareBeforeTheCommit, Clause.DEAD_LETTER_SHARE, control=shares.WrapsItsShare),
)
_STORES: Final = (
    _mutant(stores.AddsToTheTotals, Clause.REDIS_COUNTS, control=stores.TotalsFirst),
    _mutant(stores.ForgetsThatAScriptFailed, Clause.REDIS_COUNTS),
    _mutant(stores.TrustsTheFenceAlone, Clause.REDIS_COUNTS, control=stores.FenceFirst),
    _mutant(stores.NeverComparesTotals, Clause.REDIS_COUNTS),
    _mutant(stores.HasNoFence, Clause.REDIS_COUNTS),
)
_WINDOWS: Final = (
    _mutant(windows.AdoptsWindowsBeforeTheCommit, Clause.WINDOWS, Clause.PUBLISHED_WINDOWS),
    _mutant(windows.KeepsItsWindowsOverARestore, Clause.WINDOWS),
    _mutant(windows.RestoresNoWindows, Clause.WINDOWS, control=checkpoints.WrapsItsRestore),
    _mutant(windows.RestoresWindowsOfAnEarlierCommit, Clause.WINDOWS, control=checkpoints.WrapsItsRestore),
    _mutant(windows.WritesNoSumsOfClosedMinutes, Clause.WINDOWS, control=windows.RewritesItsWindowRecords),
    _mutant(windows.DeletesPeriodsTooEarly, Clause.WINDOWS, control=windows.RewritesItsWindowRecords),
    _mutant(windows.PublishesWindowsBeforeTheCommit, Clause.UNCOMMITTED_WINDOWS, control=loops.WrapsItsStream),
    _mutant(windows.PublishesNoWindowsAfterARestore, Clause.PUBLISHED_WINDOWS),
)
MUTANTS: Final = _LOOPS + _CHECKPOINTS + _POSITIONS + _REFUSALS + _SHARES + _STORES + _WINDOWS
