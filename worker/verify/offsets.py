"""What explains that a partition has no committed counts. Pure."""

from typing import Final

from tweets.records import Partition
from worker.counts import CommittedCounts
from worker.kafka.committed import Committed
from worker.verify.causes import Cause
from worker.verify.finding import Explanation
from worker.verify.positions import REPAIR

_STATE_LOST: Final = (
    "check KAFKA_GROUP_ID, KAFKA_CHECKPOINT_TOPIC and KAFKA_BOOTSTRAP_SERVERS; if they are right, import the state "
    "with python -m worker import-state, or count from zero with python -m worker --accept-empty-state"
)


def offset_explanation(
    partition: Partition, at: Committed | None, checkpoint: CommittedCounts | None, *, exists: bool, topic_id: str
) -> Explanation:
    """Return why the partition has no committed offset (`at` is None), or an offset without counts.

    `exists`: the input topic has the partition. `topic_id` is the id of the input topic, empty if not known.
    """
    if not exists:
        return Explanation(
            Cause.PARTITION_GONE,
            f"{partition}: the topic has no such partition any more, and Redis has counts of it",
            f"{REPAIR}, which removes these counts",
        )
    if at is not None and at.foreign:
        return Explanation(
            Cause.FOREIGN_METADATA,
            f"{partition}: another program has committed offset {at.offset}, with metadata that no worker writes",
            "stop the other program, or give it another group than KAFKA_GROUP_ID; a worker that starts continues at "
            "this offset",
        )
    if checkpoint is None:
        return Explanation(
            Cause.STATE_LOST,
            f"{partition}: neither the committed offset nor the checkpoint topic has counts",
            _STATE_LOST,
        )
    return _lost(partition, checkpoint, topic_id) if at is None else _moved(partition, at.offset, checkpoint)


def _lost(partition: Partition, checkpoint: CommittedCounts, topic_id: str) -> Explanation:
    then = checkpoint.counts.topic_id
    if then and topic_id and then != topic_id:
        return Explanation(
            Cause.TOPIC_RECREATED,
            f"{partition}: the topic has the id {topic_id}, the counts on the checkpoint topic are of {then}: the "
            "topic was deleted and created again, and a worker ends with exit code 10",
            "set the offsets with kafka-consumer-groups --reset-offsets to continue with the counts, or count from "
            "zero with python -m worker --accept-empty-state",
        )
    return Explanation(
        Cause.OFFSETS_LOST,
        f"{partition}: the checkpoint topic has the state of offset {checkpoint.offset}, and the group has no "
        "committed offset any more: the offsets have expired or were deleted",
        "start a worker, which continues at that offset and loses nothing; raise offsets.retention.minutes of the "
        "brokers above the longest time without a worker",
    )


def _moved(partition: Partition, offset: int, checkpoint: CommittedCounts) -> Explanation:
    return Explanation(
        Cause.OFFSET_MOVED,
        f"{partition}: the committed offset {offset} has no metadata, as a tool leaves it, and the checkpoint topic "
        f"has the state of offset {checkpoint.offset}",
        f"start a worker, which continues at offset {offset} with the counts of the checkpoint topic; after a move "
        "backwards, the tweets in between are labelled and counted twice",
    )
