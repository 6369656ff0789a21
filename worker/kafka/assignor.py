"""Which member of the group gets which partition: sticky, cooperative, and no partition stays without an owner."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kafka import TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from worker import time_limits


class CompleteAssignor(CooperativeStickyAssignor):  # type: ignore[misc]  # kafka-python ships no types
    """kafka-python's assignor, which claims only what its member owns, and notices what is left out.

    A partition that moves stays unassigned until the member that had it releases it and joins again (KIP-429).
    kafka-python 3.0.12 claims what was assigned to the member last, even if the member has lost it meanwhile. Such a
    member has nothing to release and does not join again: the partition has no owner until the group changes. The same
    happens if a static member is restarted during a move: it gets the assignment of its predecessor. The leader notices
    both, unless the leader itself is the restarted member.
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
