"""When the marker of a partition says that Redis may lack closed periods."""

from typing import Final

import pytest

from tests.worker.windows_in_memory import WindowsInMemory, failure
from tests.worker.windows_publishing import P0, P1
from worker.errors import TransientError
from worker.redis.contributions import Fence
from worker.redis.published_markers import PublishedMarkers, Reach

OWN: Final = Fence(5, 100)


def assigned(store: WindowsInMemory, reach: Reach) -> set[object]:
    markers = PublishedMarkers(store)
    return set(markers.assign({P0: OWN}, {P0}, reaches={P0: reach}))


@pytest.mark.parametrize(
    ("marker", "behind"),
    [
        ("", True),
        ("no marker", True),
        ("4:69", True),
        ("4:70", False),
        ("4:90", False),
        ("4:100", False),
        ("4:101", True),  # an operator has moved the offset back
        ("4:-1", True),  # a publication that did not end
        ("6:101", False),  # another worker owns the partition by now
    ],
)
def test_a_partition_is_behind_unless_its_marker_is_in_the_reach(marker: str, behind: bool) -> None:
    store = WindowsInMemory()
    store.markers[P0] = marker
    assert assigned(store, Reach(70, 100)) == ({P0} if behind else set())
    assert store.markers[P0] == ("5:-1" if behind else marker)


def test_commits_since_the_assignment_do_not_move_the_reach() -> None:
    store = WindowsInMemory()
    store.markers[P0] = "4:100"
    markers = PublishedMarkers(store)
    assert markers.assign({P0: Fence(5, 180)}, {P0}, reaches={P0: Reach(100, 100)}) == set()


def test_a_marker_that_is_written_between_reading_and_beginning_does_not_end_the_publication() -> None:
    store = WindowsInMemory()
    markers = PublishedMarkers(store)
    store.before_marking = lambda: store.markers.update({P0: "4:90"})
    assert markers.assign({P0: OWN}, {P0}, reaches={P0: Reach(70, 100)}) == {P0}
    store.before_marking = lambda: None
    assert markers.assign({P0: OWN}, (), reaches={P0: Reach(70, 100)}) == {P0}
    assert store.markers[P0] == "5:-1"
    assert markers.assign({P0: OWN}, (), reaches={P0: Reach(70, 100)}) == set()


def test_a_failure_between_the_last_closed_period_and_the_marker_leaves_the_partition_incomplete() -> None:
    store = WindowsInMemory()
    store.markers[P1] = "4:100"
    markers = PublishedMarkers(store)
    fences = {P0: OWN, P1: OWN}
    markers.assign(fences, fences.keys(), reaches=dict.fromkeys(fences, Reach(100, 100)))
    assert markers.incomplete == {P0}
    store.error = failure()
    with pytest.raises(TransientError):
        markers.mark(fences, {P0})
    store.error = None
    assert markers.incomplete == {P0}
    assert markers.mark(fences, ()) == set()
    assert store.markers == {P0: "5:-1", P1: "5:100"}
    assert markers.mark(fences, {P0}) == set()
    assert store.markers[P0] == "5:100"
    assert markers.incomplete == set()
