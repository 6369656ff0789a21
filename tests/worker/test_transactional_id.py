"""The transactional id: no two workers of any groups share an id, and each id begins with the name of its group."""

import itertools
import re
from typing import Final

import pytest

from worker.kafka.stream import transactional_id
from worker.settings import Settings

GROUPS: Final = ["e", "e-w", "e-w-", "e-", "e.", "e_", "-", "--", "e-w-1", "emotion-worker", "0" * 32, "g" * 249]
WORKERS: Final = [None, None, "1", "w-1", "-1", "-", "--1", "w", "dynamic", "0" * 32, "w" * 200]


def settings(group: str, worker: str | None) -> Settings:
    return Settings(_env_file=None, kafka_group_id=group, worker_id=worker)


def test_the_same_text_split_differently_gives_two_ids() -> None:
    assert transactional_id(settings("e", "w-1")) != transactional_id(settings("e-w", "1"))


def test_no_two_pairs_of_group_and_worker_have_the_same_id() -> None:
    pairs = list(itertools.product(GROUPS, WORKERS))
    assert len({transactional_id(settings(*pair)) for pair in pairs}) == len(pairs)


def test_an_id_begins_with_the_name_of_the_group_on_which_prefixed_acls_rely() -> None:
    for group, worker in itertools.product(GROUPS, WORKERS):
        assert transactional_id(settings(group, worker)).startswith(group)


def test_a_worker_id_that_looks_like_a_random_id_is_not_one() -> None:
    random_part = re.sub(r"^e\W*", "", transactional_id(settings("e", None)))
    assert transactional_id(settings("e", random_part)) != transactional_id(settings("e", None))
    assert re.fullmatch(r"[0-9a-f]{32}", random_part)


def test_the_longest_id_is_a_short_string_of_kafkas_protocol() -> None:
    assert len(transactional_id(settings("g" * 249, "w" * 200)).encode()) < 2**15


@pytest.mark.parametrize("name", ["e:1", "e:", ":", "e\n", "e 1", "é"])
def test_no_name_can_contain_what_separates_the_parts_of_an_id(name: str) -> None:
    with pytest.raises(ValueError, match="string_pattern_mismatch"):
        settings(name, "1")
    with pytest.raises(ValueError, match="string_pattern_mismatch"):
        settings("e", name)
