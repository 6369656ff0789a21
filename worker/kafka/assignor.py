"""Which member of the group gets which partition: sticky, cooperative, and no partition stays without an owner."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kafka import TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from worker import time_limits

log = logging.getLogger(__name__)


class CompleteAssignor(CooperativeStickyAssignor):  # type: ignore[misc]  # kafka-python ships no types
    """kafka-python's assignor, which claims only what its member owns, and notices what is left out.

    A partition that moves is assigned to nobody until its owner has given it up and joined again (KIP-429).
    kafka-python 3.0.12 claims what was assigned to the member last, even if the member has lost it meanwhile: a member
    with nothing to give up does not join again, and the partition has no owner until the group changes. A restarted
    static member, which gets the assignment of its predecessor without a round, has nothing to give up either. Nobody
    notices that only if this member was the leader itself.
    """

    def __init__(
        self, owned: Callable[[], Collection[TopicPartition]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`owned` returns the partitions of the member at present; `clock` returns seconds."""
        super().__init__()
        self._owned = owned
        self._clock = clock
        self._incomplete_since_s: float | None = None

    def metadata(self, topics: Collection[str]) -> Any:
        """Return the member's topics and claims, which are sent when it joins."""
        self._incomplete_since_s = None
        self.member_assignment = sorted(self._owned())
        return super().metadata(topics)

    def assign(self, cluster: Any, members: Sequence[Any]) -> Mapping[str, Any]:
        """Return the partitions of each member, as the leader of the group."""
        assignments: Mapping[str, Any] = super().assign(cluster, members)
        topics = {topic for member in members for topic in member.metadata.topics}
        partitions = sum(len(cluster.partitions_for_topic(topic) or ()) for topic in topics)
        if sum(len(each.partitions()) for each in assignments.values()) < partitions:
            self._incomplete_since_s = self._clock()
        return assignments

    def is_overdue(self) -> bool:
        """Whether this member, as the leader, left partitions out, and their owners have not joined again in time."""
        since_s = self._incomplete_since_s
        return since_s is not None and self._clock() - since_s > time_limits.JOIN_AGAIN.seconds
