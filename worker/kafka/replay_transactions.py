"""The transactions of a replay: the originals on the input topic, and the position after their dead letters."""

from collections.abc import Mapping, Sequence

from kafka import TopicPartition, errors
from kafka.structs import OffsetAndMetadata

from tweets.records import OutputRecord, Partition
from worker import time_limits
from worker.errors import ExitCode, FatalError
from worker.kafka.dead_letters import translating_access
from worker.kafka.producer import ResultProducer
from worker.membership import CommittedOffset
from worker.settings import Settings


class ReplayTransactions:
    """Commits records and offsets together. Methods raise TransientError or FatalError.

    The name of the group is also the transactional id, the same in every replay: Kafka aborts the open transaction of a
    replay that was killed, and refuses every later transaction of an older replay that still runs. The group has no
    members, so the id is what keeps two replays apart.
    """

    def __init__(self, settings: Settings, group: str, *, max_record_bytes: int, single_records: bool = False) -> None:
        """See ResultProducer for `max_record_bytes` and `single_records`."""
        self._settings = settings
        self._group = group
        with translating_access(settings, group):
            try:
                self._producer = ResultProducer(
                    settings, transactional_id=group, max_record_bytes=max_record_bytes, single_records=single_records
                )
            except errors.ProducerFencedError:
                raise self._fenced() from None

    def commit(self, records: Sequence[OutputRecord], offsets: Mapping[Partition, CommittedOffset]) -> None:
        """Send the records and commit these offsets, in one transaction.

        Raises RefusedRecordsError if Kafka refuses records for good. After any error, only `close` may follow: where a
        commit was not answered, Kafka knows whether it succeeded.
        """
        committed = {TopicPartition(*p): OffsetAndMetadata(at.offset, at.metadata) for p, at in offsets.items()}
        with translating_access(self._settings, self._group):
            try:
                self._producer.begin()
                self._producer.send(records)
                self._producer.commit_of_group(committed, self._group, time_limits.COMMIT)
            except Exception as error:
                if self._producer.fenced or isinstance(error, errors.ProducerFencedError):
                    raise self._fenced() from error
                raise

    def close(self) -> None:
        """Abort an open transaction and stop the producer. Raises nothing."""
        self._producer.close()

    def _fenced(self) -> FatalError:
        # Kafka answers the same when it has ended a transaction because of its age.
        return FatalError(
            f"another replay of the group {self._group} has started, or a transaction of this one was open for longer "
            f"than KAFKA_TRANSACTION_TIMEOUT_MS={self._settings.kafka_transaction_timeout_ms}: unless another replay "
            "runs, run the same command again, without --from-beginning; it continues after the last commit",
            ExitCode.FENCED,
        )
