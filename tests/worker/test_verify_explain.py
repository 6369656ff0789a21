"""Which cause verify names where Redis differs, from evidence alone: one test for each known cause."""

from pathlib import Path

import pytest

from tests.worker.verify_case import COUNTS, P0, P1, Case, field_of
from tweets.periods import Period
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.kafka.committed import Committed
from worker.redis.contributions import Fence
from worker.redis.publication import Publication
from worker.verify.causes import Cause
from worker.verify.compare import Look
from worker.verify.evidence import Evidence
from worker.verify.explain import Explainer
from worker.verify.finding import Explanation, Finding
from worker.verify.findings import TOTALS
from worker.verify.window_findings import PERIODS, Difference, Differences

# Redis


def test_a_redis_without_any_counts_is_empty() -> None:
    found = Case(found={}, evidence={"now": Publication()}).cause()
    assert found.cause == Cause.REDIS_EMPTY
    assert "REDIS_KEY_PREFIX" in found.advice
    assert "start a worker" in found.advice


def test_a_partition_that_redis_lacks_was_not_published() -> None:
    others = Publication({field_of(P1): {"joy": 9}}, {field_of(P1): Fence(5, 1)})
    found = Case(found={}, evidence={"now": others}).cause()
    assert (found.cause, "tweets[0]" in found.evidence) == (Cause.NOT_PUBLISHED, True)


@pytest.mark.parametrize(
    ("owned", "words"), [(True, "a worker owns"), (False, "start a worker"), (None, "if no worker owns")]
)
def test_an_earlier_commit_means_that_redis_is_behind_and_the_advice_depends_on_the_owner(
    owned: bool | None, words: str
) -> None:
    found = Case(fence=Fence(5, 80), owned=owned).cause()
    assert found.cause == Cause.REDIS_BEHIND
    assert "offset 80 (generation 5)" in found.evidence
    assert "offset 100 is committed" in found.evidence
    assert words in found.advice


@pytest.mark.parametrize("offset", [80, 120])
def test_a_fence_of_a_later_generation_than_the_last_commit_is_stale(offset: int) -> None:
    found = Case(fence=Fence(9, offset), owned=True).cause()
    assert found.cause == Cause.STALE_FENCE
    assert "--repair" in found.advice


def test_a_new_owner_that_has_published_what_it_restored_makes_no_fence_stale() -> None:
    assert Case(fence=Fence(9, 100)).cause().cause == Cause.EDITED


def test_without_the_generation_of_the_last_commit_no_fence_is_called_stale() -> None:
    assert Case(fence=Fence(9, 80), generation=None).cause().cause == Cause.REDIS_BEHIND


@pytest.mark.parametrize(("offset", "cause"), [(60, Cause.REDIS_BEHIND), (130, Cause.STALE_FENCE)])
def test_a_checkpoint_of_an_earlier_commit_does_not_give_the_generation_of_the_last_one(
    offset: int, cause: Cause
) -> None:
    checkpoint = {"checkpoints": {P0: CommittedCounts(4, offset, COUNTS)}}
    assert Case(fence=Fence(5, 80), evidence=checkpoint).cause().cause == cause


@pytest.mark.parametrize(("owned", "words"), [(True, "a worker owns"), (False, "start a worker")])
def test_other_counts_at_the_last_commit_were_edited_and_an_owner_corrects_them(owned: bool, words: str) -> None:
    found = Case(fence=Fence(5, 100), owned=owned).cause()
    assert found.cause == Cause.EDITED
    assert "maxmemory-policy" in found.advice
    assert found.advice.startswith(words)


def test_edited_periods_need_a_repair_because_no_worker_publishes_them_again() -> None:
    found = Case(marker=Fence(5, 100), owned=True).period()
    assert found.advice.startswith("run python -m worker verify --repair")


@pytest.mark.parametrize("lost", ["counts", "fences"])
def test_a_field_that_is_missing_in_one_of_two_keys_was_edited(lost: str) -> None:
    whole = {"counts": {field_of(P0): {"joy": 1}}, "fences": {field_of(P0): Fence(5, 100)}}
    now = Publication(**{**whole, lost: {}})  # type: ignore[arg-type]
    found = Case(evidence={"now": now}).cause()
    assert found.cause == Cause.EDITED
    assert {"counts": "partitions", "fences": "fences"}[lost] in found.evidence


def test_a_later_commit_in_redis_of_the_same_generation_means_that_kafka_lost_commits() -> None:
    found = Case(fence=Fence(5, 140)).cause()
    assert found.cause == Cause.REDIS_AHEAD
    assert "KAFKA_BOOTSTRAP_SERVERS" in found.advice


def test_a_later_commit_in_redis_from_a_repair_does_not_mean_that_the_position_was_moved_back() -> None:
    assert Case(fence=Fence(0, 140)).cause().cause == Cause.REDIS_AHEAD


def test_a_later_commit_in_redis_of_an_earlier_generation_means_that_the_position_was_moved_back() -> None:
    assert Case(fence=Fence(4, 140)).cause().cause == Cause.POSITION_MOVED_BACK


def test_a_fence_that_moves_while_verify_looks_is_no_fault() -> None:
    found = Case(fence=Fence(5, 90), fence_before=Fence(5, 80)).cause()
    assert found.cause == Cause.STILL_MOVING
    assert "--timeout" in found.advice


def test_a_redis_that_agrees_by_now_has_followed() -> None:
    case = Case(found={"joy": 3}, fence=Fence(5, 100), look={"stored": {P0: {"joy": 2}}})
    assert case.cause().cause == Cause.STILL_MOVING


def test_totals_that_are_no_sums_were_edited() -> None:
    found = Case().explained(Finding(TOTALS, False, "differ"))
    assert found.cause == Cause.EDITED
    assert "another program" in found.evidence


def test_totals_beside_the_rest_of_a_failed_script_are_completed_by_the_next_one() -> None:
    found = Case(evidence={"now": Publication(unfinished=True)}).explained(Finding(TOTALS, False, "differ"))
    assert found.cause == Cause.SCRIPT_UNFINISHED


# Minutes, hours and days


def test_a_period_that_is_no_sum_was_edited() -> None:
    assert Case().period(None).cause == Cause.EDITED


@pytest.mark.parametrize(
    ("marker", "cause"),
    [
        (Fence(5, -1), Cause.PUBLISHING_AGAIN),
        (Fence(0, 0), Cause.PUBLISHING_AGAIN),
        (Fence(5, 60), Cause.REDIS_BEHIND),
        (Fence(9, 60), Cause.STALE_FENCE),
        (Fence(5, 100), Cause.EDITED),
        (Fence(4, 140), Cause.POSITION_MOVED_BACK),
        (None, Cause.NOT_PUBLISHED),
    ],
    ids=str,
)
def test_the_marker_of_a_partition_explains_its_periods(marker: Fence | None, cause: Cause) -> None:
    assert Case(marker=marker).period().cause == cause


def test_a_worker_that_publishes_all_periods_again_needs_time() -> None:
    assert "wait two minutes" in Case(marker=Fence(5, -1), owned=True).period().advice
    assert "start a worker" in Case(marker=Fence(5, -1), owned=False).period().advice


def test_periods_at_the_last_commit_may_have_been_published_meanwhile() -> None:
    moved = {"committed": {P0: Committed(100, COUNTS)}}
    case = Case(marker=Fence(5, 100), evidence=moved, look={"committed": {P0: Committed(90, COUNTS)}})
    assert case.period().cause == Cause.STILL_MOVING


def test_periods_differ_where_the_output_differs_and_where_the_partition_is_gone() -> None:
    assert Case(recount=RunningCounts({"joy": 9})).period().cause == Cause.OUTPUT_HAS_MORE
    assert Case().period(Partition("tweets", 7)).cause == Cause.PARTITION_GONE


def test_the_line_about_all_periods_names_every_cause_once() -> None:
    found = Differences()
    wrong = {"joy": (1, 2)}
    for place in (P0, P1, None):
        found.add([Difference(Period("minute", 1), "", place, wrong)])
    (*_, periods) = found.findings(3)
    assert periods.subject == PERIODS
    explained = Case(
        marker=Fence(5, 60), look={"committed": {P0: Committed(100, COUNTS), P1: Committed(100, COUNTS)}}
    ).explained(periods)
    assert explained.cause == Cause.REDIS_BEHIND
    assert explained.evidence.count("also ") == 2
    assert str(explained).startswith("cause: redis_behind (tweets[0]: ")
    assert ". do: " in str(explained)


def test_many_partitions_with_the_same_cause_are_one_line() -> None:
    partitions = [Partition("tweets", number) for number in range(50)]
    at = {each: Committed(100, COUNTS) for each in partitions}
    stored = {field_of(each): Fence(5, 60) for each in partitions}
    publication = Publication({name: {"joy": 1} for name in stored}, stored, stored)
    finding = Finding(PERIODS, False, "differ", tuple(partitions))
    evidence = Evidence(publication, publication, at, existing=partitions)
    (found,) = Explainer(Look(committed=at, partitions=partitions, findings=[finding]), evidence, field_of).findings()
    assert "; the same for 49 more partitions" in str(found.explanation)
    assert len(str(found.explanation)) < 1_000


# What is not explained


def test_what_agrees_and_what_is_explained_stays_as_it_is() -> None:
    agrees = Finding(str(P0), True, "3 tweets")
    known = Finding("groups", False, "two", explanation=Explanation(Cause.SHARED_PREFIX, "two", "one"))
    look = Look(committed={P0: Committed(100, COUNTS)}, findings=[agrees, known])
    assert Explainer(look, Evidence(), field_of).findings() == [agrees, known]


def test_evidence_that_cannot_be_read_leaves_the_cause_unknown_and_says_why() -> None:
    found = Case(evidence={"failure": "the key {p}:fences is not a hash"}).cause()
    assert found.cause == Cause.UNKNOWN
    assert "is not a hash" in found.evidence
    assert "export-state" in found.advice


def test_every_cause_is_described_in_the_operations_document() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [cause for cause in Cause if f"| `{cause}` |" not in page] == []
