"""No partition stays without an owner, whatever happens to the members of a group while partitions move."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.protocol.consumer.metadata import ConsumerProtocolSubscription

from tests.clock import Clock
from worker import time_limits
from worker.kafka.assignor import CompleteAssignor

TOPIC = "tweets"
PARTITIONS = 12
ALL = {TopicPartition(TOPIC, number) for number in range(PARTITIONS)}
CLUSTER = SimpleNamespace(
    topics=lambda: {TOPIC}, partitions_for_topic=lambda topic: set(range(PARTITIONS)) if topic == TOPIC else None
)

MakeAssignor = Callable[["Member"], Any]


class Member:
    """A member as kafka-python's coordinator keeps it: what it owns, and an assignor that outlives its membership."""

    def __init__(self, name: str, make: MakeAssignor) -> None:
        self.name = name
        self.owned: set[TopicPartition] = set()
        self.assignor = make(self)

    def take(self, assignment: Any) -> bool:
        """Own what is assigned; return whether the member gives something up, and therefore joins again."""
        before, self.owned = self.owned, set(assignment.partitions())
        self.assignor.on_assignment(assignment, 1)
        return bool(before - self.owned)


class Group:
    """A group on a broker, as KIP-429 describes its rounds. The broker names the members in any order."""

    def __init__(self, make: MakeAssignor, order: Callable[[Sequence[Member]], Sequence[Member]]) -> None:
        self.members: dict[str, Member] = {}
        self._make = make
        self._order = order

    def join(self, name: str) -> None:
        """Let a new member join, or one that has lost its membership and with it all it owned."""
        self.enter(name)
        self.settle()

    def enter(self, name: str) -> None:
        """Let a member join, without the rounds that follow."""
        self.members.setdefault(name, Member(name, self._make)).owned = set()

    def leave(self, name: str) -> None:
        """Remove a member."""
        del self.members[name]
        self.settle()

    def settle(self, restarted: str = "") -> None:
        """Go from round to round until nobody joins again.

        In the first round, the process of the static member `restarted` is replaced before it gets its assignment,
        unless it leads the group.
        """
        for _ in range(10):
            if not self.members or not self._round(restarted):
                return
            restarted = ""
        raise AssertionError("the group rebalances without end")

    def _round(self, restarted: str) -> bool:
        members = self._order(list(self.members.values()))
        joined = [SimpleNamespace(member_id=each.name, metadata=sent(each)) for each in members]
        assignments = members[0].assignor.assign(CLUSTER, joined)
        if restarted in self.members and restarted != members[0].name:  # nobody notices the restart of the leader
            self.members[restarted] = Member(restarted, self._make)
        again = [each.take(assignments[each.name]) for each in self.members.values()]
        return any(again)


def sent(member: Member) -> Any:
    """Return the metadata of a member after the way through the broker."""
    metadata = member.assignor.metadata({TOPIC})
    return ConsumerProtocolSubscription.decode(metadata.encode())


def complete(group: Group, clock: Clock) -> None:
    """Let the time pass after which members join again."""
    clock.now_s += time_limits.JOIN_AGAIN.seconds + 1
    if any(member.assignor.is_overdue() for member in group.members.values()):
        group.settle()


def owners(group: Group) -> list[TopicPartition]:
    """Return each partition as often as it is owned."""
    return sorted(partition for member in group.members.values() for partition in member.owned)


names = st.sampled_from(["a", "b", "c", "d"])
events = st.lists(st.tuples(st.sampled_from(["join", "leave", "restart"]), names), max_size=12)


@given(events=events, random=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=300)
def test_every_partition_has_exactly_one_owner_after_any_events(events: list[tuple[str, str]], random: Any) -> None:
    clock = Clock()
    group = Group(
        lambda member: CompleteAssignor(lambda: member.owned, clock),
        lambda all_: random.sample(all_, len(all_)),
    )
    for event, name in events:
        if event == "join":
            group.join(name)
        elif name in group.members and event == "leave":
            group.leave(name)
        elif name in group.members:
            group.enter("new")
            group.settle(restarted=name)
        complete(group, clock)
        assert not group.members or owners(group) == sorted(ALL), event


def test_trap_the_client_claims_what_its_member_has_lost() -> None:
    member = Member("a", lambda _: CooperativeStickyAssignor())
    ours = Member("b", lambda member: CompleteAssignor(lambda: member.owned))
    for each in (member, ours):
        each.take(each.assignor.assign(CLUSTER, [SimpleNamespace(member_id=each.name, metadata=sent(each))])[each.name])
        each.owned = set()
    assert sum(len(each.partitions) for each in sent(member).owned_partitions) == PARTITIONS
    assert not sent(ours).owned_partitions


def test_the_leader_joins_again_only_if_the_owners_of_what_moves_do_not() -> None:
    clock = Clock()
    group = Group(lambda member: CompleteAssignor(lambda: member.owned, clock), list)
    group.join("a")
    group.join("b")
    clock.now_s += 1_000
    assert not any(member.assignor.is_overdue() for member in group.members.values())

    leader = group.members["a"].assignor
    liar = SimpleNamespace(member_id="c", metadata=liar_metadata())
    leader.assign(CLUSTER, [SimpleNamespace(member_id="a", metadata=sent(group.members["a"])), liar])
    clock.now_s += time_limits.JOIN_AGAIN.seconds
    assert not leader.is_overdue()
    clock.now_s += 1
    assert leader.is_overdue()
    leader.metadata({TOPIC})
    assert not leader.is_overdue()


def liar_metadata() -> Any:
    """Return the metadata of a worker of an earlier release that claims all partitions and owns none."""
    liar = CooperativeStickyAssignor()
    liar.member_assignment = sorted(ALL)
    return ConsumerProtocolSubscription.decode(liar.metadata({TOPIC}).encode())
