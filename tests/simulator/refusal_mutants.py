"""Loops and labellers with one rule about refusals and size limits switched off, and their controls."""

from collections.abc import Mapping
from typing import Any

from tweets.records import Partition
from worker.counts import MetadataLimit
from worker.errors import ExitCode, FatalError, RefusedRecordsError, TransientError
from worker.labelling import Labeller, OutputTopics, RecordOutcome
from worker.loop import Loop
from worker.membership import Membership
from worker.partition_state import PartitionState

_NO_LIMIT = 10**9
"""More bytes than any record or metadata has."""


class RewrittenPublish(Loop):
    """Control: the answer to a refusal, rewritten."""

    def _publish(self, results: list[RecordOutcome]) -> tuple[list[RecordOutcome], dict[Partition, PartitionState]]:
        while True:
            states = self._committed_after(results)
            try:
                self._stream.publish([result.output for result in results], states)
                return results, states
            except RefusedRecordsError as refused:
                results = self._after_refusal(results, refused) if refused.exact else results
                self._stream.rollback()

    def _after_refusal(self, results: list[RecordOutcome], refused: RefusedRecordsError) -> list[RecordOutcome]:
        return self._labeller.refuse(results, refused.refusals)


class RetriesARefusedBatch(RewrittenPublish):
    """Step 6: a refusal that no retry can cure counts as a transient error."""

    def _after_refusal(self, results: list[RecordOutcome], refused: RefusedRecordsError) -> list[RecordOutcome]:
        raise TransientError("the batch is refused") from refused


class LeavesOutRefusedRecords(RewrittenPublish):
    """Step 6: a refused labelled tweet gets no dead letter."""

    def _after_refusal(self, results: list[RecordOutcome], refused: RefusedRecordsError) -> list[RecordOutcome]:
        return [result for number, result in enumerate(results) if number not in refused.refusals]


class RewrittenLabeller(Labeller):
    """Control: the labeller with its arguments passed on."""

    def __init__(self, classifier: Any, topics: OutputTopics, *arguments: Any, **options: Any) -> None:
        limit = self.limit(topics.max_record_bytes)
        super().__init__(classifier, OutputTopics(topics.labelled, topics.dead_letter, limit), *arguments, **options)

    def limit(self, max_record_bytes: int) -> int:
        return max_record_bytes


class KnowsNoSizeLimit(RewrittenLabeller):
    """Steps 3 and 4: the size of an output record is not compared with the topics' limit, nor a dead letter cut."""

    def limit(self, max_record_bytes: int) -> int:
        return _NO_LIMIT


class ChecksNoMetadata(Loop):
    """Control: the size of the metadata is not checked at a restore; the broker's refusal ends the worker."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._restorer._metadata_limit = MetadataLimit(max_bytes=_NO_LIMIT)


class RetriesRefusedMetadata(ChecksNoMetadata):
    """Steps 1 and 7: metadata that is too large for the broker is committed again and again."""

    def _commit(self, states: Mapping[Partition, PartitionState], membership: Membership) -> None:
        try:
            super()._commit(states, membership)
        except FatalError as error:
            if error.exit_code is ExitCode.STATE:
                raise TransientError("the metadata is refused") from error
            raise
