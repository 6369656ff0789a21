import itertools
from collections import Counter

import pytest

from chaos.stream.event_times import EventTimes
from chaos.stream.tweets import FORCED, KEYLESS, TWEET, TweetSource
from chaos.stream.unusual import (
    BOMB,
    BOMB_RECORD_BYTES,
    BOMB_RECORDS,
    DRAWN,
    NO_TWEETS,
    NULL_KEY,
    POISON,
    UNUSUAL_TWEETS,
)
from tweets import tweet
from tweets.reasons import BadRecordError
from tweets.records import Partition, Record
from tweets.timestamps import unix_ms
from worker.kafka.decompression import MAX_BATCH_BYTES

TWEET_MAX_CHARS = 10_000


def decoded(source: TweetSource, number: int, forced: str | None) -> tweet.Tweet:
    fed = source.record(3, number, created_at="2026-03-01T12:00:00.000Z", forced=forced)
    record = Record(Partition("tweets", 3), number, 0, fed.key, fed.value, fed.headers)
    return tweet.decode(record, max_chars=TWEET_MAX_CHARS)


def test_the_same_seed_gives_the_same_records() -> None:
    first, second = TweetSource(5), TweetSource(5)
    assert [first.record(1, number) for number in range(500)] == [second.record(1, number) for number in range(500)]


def test_other_seeds_and_partitions_give_other_texts() -> None:
    def texts(seed: int, partition: int) -> list[str | None]:
        return [TweetSource(seed, poison_share=0).record(partition, number).text for number in range(50)]

    assert all(one != other for one, other in itertools.combinations([texts(5, 0), texts(5, 1), texts(6, 0)], 2))


def test_no_two_records_of_a_partition_have_one_text() -> None:
    source = TweetSource(5, poison_share=0)
    assert len({source.record(0, number).text for number in range(5_000)}) == 5_000


def test_the_key_names_partition_and_number() -> None:
    assert TweetSource(5, poison_share=0).record(11, 83).key == b"11-83"


@pytest.mark.parametrize("number", [1, 16])
@pytest.mark.parametrize("kind", [None, KEYLESS, *UNUSUAL_TWEETS])
def test_a_worker_reads_the_text_that_the_verifier_expects(kind: str | None, number: int) -> None:
    source = TweetSource(5, poison_share=0)
    found = decoded(source, number, kind)
    assert (found.id, found.text) == (f"3-{number}", source.record(3, number, forced=kind).text)
    assert found.created_at == "2026-03-01T12:00:00.000Z"


@pytest.mark.parametrize("kind", NO_TWEETS)
def test_what_is_no_tweet_is_none_for_a_worker(kind: str) -> None:
    source = TweetSource(5, poison_share=0)
    assert source.record(3, 1, forced=kind).text is None
    with pytest.raises(BadRecordError):
        decoded(source, 1, kind)


def test_what_is_no_tweet_has_many_reasons() -> None:
    reasons = set()
    for kind in NO_TWEETS:
        with pytest.raises(BadRecordError) as raised:
            decoded(TweetSource(5), 1, kind)
        reasons.add(raised.value.reason)
    assert reasons == {
        "not_json",
        "not_utf8",
        "null_value",
        "no_text",
        "blank_text",
        "not_an_object",
        "text_too_long",
        "record_too_large",
    }


def test_poison_has_its_share_and_every_kind() -> None:
    source = TweetSource(5, poison_share=0.05)
    kinds = Counter(source.expected(0, number)[0] for number in range(40_000))
    poison = sum(count for kind, count in kinds.items() if kind != TWEET)
    assert 1_800 < poison < 2_200
    assert set(DRAWN) == set(POISON) >= kinds.keys() - {TWEET}
    assert len(kinds) > len(POISON) - 3, "the costly kinds are rare"


def test_no_poison_without_a_share() -> None:
    source = TweetSource(5, poison_share=0)
    assert {source.expected(0, number)[0] for number in range(20_000)} == {TWEET}


@pytest.mark.parametrize("kind", [KEYLESS, NULL_KEY])
def test_records_without_a_key_say_so_in_a_header_if_a_fault_asked_for_them(kind: str) -> None:
    fed = TweetSource(5).record(0, 1, forced=kind)
    assert fed.key is None
    assert (FORCED, kind.encode()) in fed.headers


def test_a_bomb_expands_to_more_than_a_worker_takes() -> None:
    assert len(TweetSource(5).record(0, 1, forced=BOMB).value or b"") == BOMB_RECORD_BYTES
    assert BOMB_RECORDS * BOMB_RECORD_BYTES > MAX_BATCH_BYTES


def test_only_some_records_have_headers() -> None:
    source = TweetSource(5, poison_share=0)
    numbers = [number for number in range(100) if source.record(0, number).headers]
    assert numbers == [number for number in range(100) if source.has_headers(TWEET, number)] != []


def test_tweets_follow_each_other_and_some_are_out_of_order_or_late() -> None:
    times = EventTimes(start_ms=1_700_000_000_000, step_ms=200)
    moments = [unix_ms(times.created_at(1, number) or "") or 0 for number in range(10_000)]
    in_order = [1_700_000_000_000 + 200 * number for number in range(10_000)]
    behind = [expected - moment for expected, moment in zip(in_order, moments, strict=True)]
    assert min(behind) == 0
    assert 0.95 < behind.count(0) / 10_000 < 0.99
    assert any(0 < each <= 50 * 60_000 for each in behind)
    assert any(each > 60 * 60_000 for each in behind)


def test_every_third_partition_has_no_times() -> None:
    times = EventTimes()
    assert [partition for partition in range(12) if times.created_at(partition, 5) is None] == [0, 3, 6, 9]
