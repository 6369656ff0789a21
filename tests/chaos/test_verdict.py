import dataclasses
import json
import time

import pytest

from chaos.stream.account import StreamAccount
from chaos.stream.committed_offsets import GroupOffset
from chaos.stream.comparisons import offsets_difference
from chaos.stream.differences import CountsDifference, difference
from chaos.stream.findings import EXAMPLES, Findings
from chaos.stream.pauses import Pauses
from chaos.stream.redis_counts import total_difference
from chaos.stream.tweets import KEYLESS
from chaos.stream.verdict import Comparisons, Verdict, verdict
from tests.chaos.output import NAMES, a_labelled, a_letter, an_account

FED = {0: 10, 1: 10}


def a_stream(*, without: tuple[int, ...] = ()) -> StreamAccount:
    account = an_account()
    for number in range(10):
        if number not in without:
            account.labelled(a_labelled(number, 0))
        account.labelled(a_labelled(number, 1))
    return account


def judged(account: StreamAccount, *, compared: Comparisons | None = None, pauses: Pauses | None = None) -> Verdict:
    return verdict(account, FED, pauses or Pauses(2), compared or Comparisons())


def test_a_stream_that_kept_its_promise_has_nothing_broken() -> None:
    found = judged(a_stream())
    assert found.broken == []
    assert (found.fed, found.labelled, found.lost, found.stuck) == (20, 20, 0, 0)


def test_what_never_came_is_lost() -> None:
    found = judged(a_stream(without=(3, 9)))
    assert (found.lost, found.fed) == (2, 20)
    assert found.broken == ["lost: 2, tweets[0]@3, tweets[0]@9"]


def test_dead_letters_are_no_loss() -> None:
    account = a_stream(without=(3,))
    account.dead_letter(a_letter(3, reason="refused", forced=KEYLESS))
    found = judged(account)
    assert (found.broken, found.dead_letters) == ([], {"refused": 1})


def test_each_finding_has_a_sentence_with_its_places() -> None:
    account = a_stream(without=(5,))
    for record in (a_labelled(5), a_labelled(2), a_labelled(12), a_labelled(11, text="other")):
        account.labelled(record)
    found = judged(account)
    assert (found.out_of_order, found.doubled, found.changed, found.unknown) == (2, 1, 1, 2)
    assert [sentence.partition(":")[0] for sentence in found.broken] == [
        "doubled",
        "out of order",
        "changed",
        "unknown",
    ]
    assert "tweets[0]@11 was never fed, tweets[0]@12 was never fed" in found.broken[-1]


def test_the_account_is_not_changed_by_its_verdict() -> None:
    account = a_stream(without=(3,))
    assert judged(account) == judged(account)


def test_the_first_places_are_named_and_the_others_counted() -> None:
    findings = Findings()
    for number in range(EXAMPLES + 3):
        findings.add("lost", f"tweets[0]@{number}")
    sentence = findings.sentence("lost") or ""
    assert sentence.startswith("lost: 8, tweets[0]@0, ")
    assert sentence.endswith("tweets[0]@4 and 3 more")
    assert findings.sentence("doubled") is None


def test_stuck_partitions_break_the_promise() -> None:
    pauses, noon_s = Pauses(2), time.mktime((2026, 7, 1, 12, 0, 0, 0, 0, -1))
    for now_s in (noon_s, noon_s + 61):
        pauses.update(waiting=[False, True], moved=[False, False], now_s=now_s)
    found = judged(a_stream(), pauses=pauses)
    assert (found.stuck, found.longest_pause_s) == (1, 61)
    assert found.broken == ["stuck for 60 s or longer: partition 1 (since 12:00:00)"]


def test_differences_and_failures_break_the_promise() -> None:
    compared = Comparisons(
        redis=CountsDifference(3, ("counts joy is 1 instead of 4",)), failures=("Redis cannot be compared: gone",)
    )
    found = judged(a_stream(), compared=compared)
    assert found.redis_difference == 3
    assert found.broken == [
        "Redis differs from the committed output by 3: counts joy is 1 instead of 4",
        "Redis cannot be compared: gone",
    ]


def test_a_verdict_is_plain_data() -> None:
    assert json.loads(json.dumps(dataclasses.asdict(judged(a_stream()))))["fed"] == 20


@pytest.mark.parametrize(
    ("found", "expected", "total"),
    [
        ({"a": {"joy": 1}}, {"a": {"joy": 1}}, 0),
        ({"a": {"joy": 1, "fear": 0}}, {"a": {"joy": 1}}, 0),
        ({"a": {"joy": 1}}, {"a": {"joy": 4}}, 3),
        ({"a": {"joy": 5}}, {"b": {"joy": 2}}, 7),
        ({"a": {"joy": 5, "fear": 1}}, {"a": {"joy": 3, "fear": 2}}, 3),
    ],
)
def test_a_difference_is_the_sum_over_all_cells(
    found: dict[str, dict[str, int]], expected: dict[str, dict[str, int]], total: int
) -> None:
    assert difference(found, expected).sum == total


def test_a_difference_names_the_first_cells() -> None:
    found = difference({f"row {n}": {"joy": 1} for n in range(9)}, {})
    assert (found.sum, len(found.examples)) == (9, 5)
    assert found.examples[0] == "row 0 joy is 1 instead of 0"


def metadata(**counts: int) -> str:
    return json.dumps({"v": 1, "counts": counts})


def test_offsets_and_their_counts_are_compared_with_the_output() -> None:
    right = {0: GroupOffset(10, metadata(joy=10)), 1: GroupOffset(10, metadata(joy=10))}
    assert offsets_difference(right, a_stream(), FED).sum == 0
    behind = right | {0: GroupOffset(9, metadata(joy=9))}
    assert offsets_difference(behind, a_stream(), FED).sum == 2
    assert offsets_difference({0: right[0]}, a_stream(), FED).examples == (
        "tweets[1] joy is 0 instead of 10",
        "tweets[1] offset is 0 instead of 10",
    )
    assert offsets_difference(right | {1: GroupOffset(10, "")}, a_stream(), FED).sum == 10


class OneHash:
    """A Redis with one hash."""

    def __init__(self, stored: dict[str, str]) -> None:
        self._stored = stored

    def hgetall(self, key: str) -> dict[str, str]:
        return self._stored if key == f"{NAMES.redis_prefix}:counts" else {}


@pytest.mark.parametrize(("stored", "total"), [({"joy": "7", "fear": "3"}, 0), ({"joy": "12"}, 2), ({}, 10)])
def test_the_total_of_another_program_is_the_sum_of_its_emotions(stored: dict[str, str], total: int) -> None:
    assert total_difference(OneHash(stored), NAMES, 10).sum == total
