"""What explains that the output topic has other tweets than are counted. Pure."""

from tweets.records import Partition
from worker.counts import RunningCounts
from worker.verify.causes import Cause
from worker.verify.finding import Explanation
from worker.verify.findings import difference, nonzero


def output_explanation(
    partition: Partition,
    counted: RunningCounts,
    recount: RunningCounts | None,
    *,
    end: int,
    uncommitted_end: int,
    policy: str,
) -> Explanation | None:
    """Return the explanation; None if the output has what is counted, or was not recounted.

    `end` is where the recount of the output partition ended, `uncommitted_end` its end for readers that do not wait
    for open transactions, 0 if not known. `policy` is the cleanup policy of its topic, empty if not known.
    """
    if recount is None or nonzero(recount.totals) == nonzero(counted.totals):
        return None
    names = {*recount.totals, *counted.totals}
    growth = [recount.totals.get(name, 0) - counted.totals.get(name, 0) for name in names]
    if max(growth) <= 0:
        missing = -sum(growth)
        if uncommitted_end - end > missing:  # the open transaction has at least one record beside the missing ones
            return _blocked(partition, missing, end, uncommitted_end)
        return _fewer(partition, missing, sum(counted.totals.values()), end=end, policy=policy)
    if min(growth) >= 0:
        return _more(partition, sum(growth), counted)
    return Explanation(
        Cause.UNKNOWN,
        f"{partition}: the output topic has more of one label and fewer of another: "
        f"{difference(counted.totals, recount.totals)}",
        "keep this output and that of export-state, and the records of the output partition",
    )


def _blocked(partition: Partition, missing: int, end: int, uncommitted_end: int) -> Explanation:
    return Explanation(
        Cause.OUTPUT_BLOCKED,
        f"{partition}: {missing} counted tweets could not be read: an open transaction holds back the readers of the "
        f"output partition at offset {end}, before its end at offset {uncommitted_end}",
        "wait until the broker aborts the transaction (transaction.timeout.ms of its producer) and run verify again; "
        "if the difference stays, find the transaction with kafka-transactions.sh find-hanging",
    )


def _fewer(partition: Partition, missing: int, counted: int, *, end: int, policy: str) -> Explanation:
    if "compact" in policy:
        return Explanation(
            Cause.OUTPUT_COMPACTED,
            f"{partition}: the output topic has cleanup.policy={policy}, and lacks {missing} counted tweets: Kafka "
            "keeps only the last tweet of each key",
            "nothing, if that is intended; else set cleanup.policy=delete on the output topic",
        )
    shorter = f", and ends at offset {end}" if end < counted else ""
    return Explanation(
        Cause.OUTPUT_LACKS_TWEETS,
        f"{partition}: the output topic lacks {missing} of {counted} counted tweets, although no retention has cut "
        f"it{shorter}: it was deleted and created again, the counts came from another cluster, or KAFKA_OUTPUT_TOPIC "
        "is another topic than that of the workers",
        "check KAFKA_OUTPUT_TOPIC; if it is right, nothing: the counts include the tweets that are gone",
    )


def _more(partition: Partition, more: int, counted: RunningCounts) -> Explanation:
    if counted.generation_base:
        return Explanation(
            Cause.COUNTED_FROM_ZERO,
            f"{partition}: the output topic has {more} tweets more than are counted, and the group has lost its "
            "offsets before: the counts were restarted from zero (--accept-empty-state) or imported; or they continued "
            "from the checkpoint topic, and another group or program writes to the topic",
            "after --accept-empty-state or import-state nothing: the difference ends when retention has deleted the "
            "earlier labels; without these, give each group a KAFKA_OUTPUT_TOPIC of its own",
        )
    return Explanation(
        Cause.OUTPUT_HAS_MORE,
        f"{partition}: the output topic has {more} tweets more than this group has counted: another group or program "
        "writes to the topic",
        "give each group a KAFKA_OUTPUT_TOPIC of its own",
    )
