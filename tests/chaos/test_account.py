"""The core of the verifier on streams that are made by hand: each thing that can be wrong is found."""

import json
from typing import Any

import pytest

from chaos.stream.account import StreamAccount
from chaos.stream.judge import Arrived
from chaos.stream.tweets import KEYLESS, TweetSource
from chaos.stream.unusual import BOMB, NO_TWEETS, NULL_KEY, UNUSUAL_TWEETS
from tests.chaos.output import SEED, a_labelled, a_letter, an_account


def labelled(*records: Arrived) -> StreamAccount:
    account = an_account()
    for record in records:
        account.labelled(record)
    return account


def dead(*letters: Arrived) -> StreamAccount:
    account = an_account(bombs=(5, 6))
    for letter in letters:
        account.dead_letter(letter)
    return account


def test_a_right_stream_has_no_findings() -> None:
    account = labelled(*(a_labelled(number, partition) for number in range(40) for partition in (0, 1)))
    assert ([each.count for each in account.numbers], account.labelled_records) == ([40, 40], 80)
    assert not account.findings.counts
    assert account.counts == [{"joy": 40}, {"joy": 40}]


@pytest.mark.parametrize("number", [1, 16])
@pytest.mark.parametrize("kind", [KEYLESS, *UNUSUAL_TWEETS])
def test_unusual_tweets_that_a_fault_sent_are_right(kind: str, number: int) -> None:
    assert not labelled(a_labelled(number, forced=kind)).findings.counts


def test_unusual_tweets_that_the_seed_gives_are_right() -> None:
    source = TweetSource(SEED, poison_share=1)
    number = next(n for n in range(200) if source.expected(0, n)[0] == "lone_surrogate")
    record, ordinary = a_labelled(number, text=source.record(0, number).text), a_labelled(number)
    account = an_account(source=source)
    account.labelled(record)
    assert not account.findings.counts
    account = an_account(source=source)
    account.labelled(ordinary)
    assert account.findings.counts == {"changed": 1}


def test_a_record_that_is_committed_twice_is_doubled_and_counted_twice() -> None:
    account = labelled(a_labelled(0), a_labelled(1), a_labelled(1)._replace(offset=2))
    assert account.findings.counts == {"doubled": 1}
    assert "tweets[0]@1 at tweets.emotions[0]@2" in (account.findings.sentence("doubled") or "")
    assert account.counts[0] == {"joy": 3}, "Redis must equal the fold of what is committed"
    assert account.numbers[0].count == 2


def test_a_record_that_is_labelled_and_a_dead_letter_is_doubled() -> None:
    account = labelled(a_labelled(0))
    account.dead_letter(a_letter(0, reason="refused", forced=KEYLESS))
    assert account.findings.counts == {"doubled": 1}


def test_records_that_change_places_are_out_of_order() -> None:
    account = labelled(a_labelled(0), a_labelled(2), a_labelled(1))
    assert account.findings.counts == {"out_of_order": 1}


@pytest.mark.parametrize("fields", [{"text": "other"}, {"text": None}, {"id": "0-4"}, {"id": 3}])
def test_a_field_that_differs_is_found(fields: dict[str, Any]) -> None:
    account = labelled(a_labelled(3, **fields))
    assert account.findings.counts == {"changed": 1}
    assert "tweets.emotions[0]@3: id or text" in (account.findings.sentence("changed") or "")


def test_a_key_that_is_lost_is_found() -> None:
    account = labelled(a_labelled(3)._replace(key=None))
    assert account.findings.counts == {"changed": 1}


def test_a_key_of_another_record_is_found() -> None:
    account = labelled(a_labelled(3)._replace(key=b"0-2"))
    assert account.findings.counts["changed"] == 1


def test_a_header_that_is_lost_is_found() -> None:
    record = a_labelled(16)
    assert record.headers[0][0] == "number"
    assert labelled(record._replace(headers=record.headers[1:])).findings.counts == {"changed": 1}


def test_a_labelled_tweet_on_another_partition_is_found() -> None:
    assert labelled(a_labelled(3)._replace(partition=1)).findings.counts == {"changed": 1}


@pytest.mark.parametrize("fields", [{"emotion": None}, {"classified_at": "yesterday"}])
def test_a_labelled_tweet_without_emotion_or_time_is_found(fields: dict[str, Any]) -> None:
    assert labelled(a_labelled(3, **fields)).findings.counts == {"changed": 1}


@pytest.mark.parametrize(
    "record",
    [
        Arrived(0, 9, b"another key", b'{"id": "x"}'),
        Arrived(0, 9, None, b"not JSON"),
        Arrived(0, 9, b"2-5", b"{}"),
        Arrived(0, 9, b"0-99999999999", b"{}"),
    ],
)
def test_a_record_that_nobody_fed_is_unknown(record: Arrived) -> None:
    account = labelled(record)
    assert account.findings.counts == {"unknown": 1}
    assert [each.count for each in account.numbers] == [0, 0]


@pytest.mark.parametrize("kind", [kind for kind in NO_TWEETS if kind != BOMB])
def test_the_dead_letter_of_what_is_no_tweet_is_right(kind: str) -> None:
    account = dead(a_letter(3, forced=kind))
    assert not account.findings.counts
    assert account.reasons == {"not_json": 1}


def test_a_dead_letter_of_a_good_tweet_is_found() -> None:
    account = dead(a_letter(3, reason="not_json"))
    assert account.findings.counts == {"changed": 1}
    assert "a tweet is a dead letter as 'not_json'" in (account.findings.sentence("changed") or "")


def test_a_tweet_without_a_key_that_the_topic_refuses_may_be_a_dead_letter() -> None:
    assert not dead(a_letter(3, reason="refused", forced=KEYLESS)).findings.counts


@pytest.mark.parametrize("forced", [None, *UNUSUAL_TWEETS])
@pytest.mark.parametrize("reason", ["refused", "record_too_large"])
def test_a_short_tweet_with_a_key_fits_every_topic_of_a_run(forced: str | None, reason: str) -> None:
    letter = a_letter(3, reason=reason, forced=forced)
    long = len(letter.value or b"") > 1_000
    assert dead(letter).findings.counts == ({} if long else {"changed": 1})


def test_a_refused_tweet_with_another_text_is_found() -> None:
    letter = a_letter(3, reason="refused", value=a_letter(4).value)
    assert dead(letter).findings.counts == {"changed": 1}


def test_a_labelled_record_that_is_no_tweet_is_found() -> None:
    record = a_labelled(3, text="made up")
    forced = (*record.headers, ("chaos.kind", b"not_json"))
    account = labelled(record._replace(headers=forced))
    assert "no tweet is labelled" in (account.findings.sentence("changed") or "")


def test_a_dead_letter_with_another_value_is_found() -> None:
    assert dead(a_letter(3, forced="not_json", value=b"other")).findings.counts == {"changed": 1}


def test_a_dead_letter_may_be_cut_if_it_says_so() -> None:
    whole = a_letter(3, forced="text_too_long")
    cut = whole._replace(value=(whole.value or b"")[:50])
    assert dead(cut).findings.counts == {"changed": 1}
    assert not dead(cut._replace(headers=(*cut.headers, ("truncated", b"true")))).findings.counts


def test_a_record_without_key_and_value_becomes_a_dead_letter_with_an_empty_value() -> None:
    letter = a_letter(3, forced=NULL_KEY)
    assert (letter.key, letter.value) == (None, b"")
    assert not dead(letter).findings.counts


def test_only_the_records_of_a_bomb_may_be_unreadable() -> None:
    bare: dict[str, Any] = {"key": None, "value": b""}
    account = dead(*(a_letter(number, reason="unreadable", **bare) for number in (5, 6)))
    assert not account.findings.counts
    account.dead_letter(a_letter(7, reason="unreadable", **bare))
    assert account.findings.counts == {"changed": 1}


@pytest.mark.parametrize("offset", [b"", b"x", b"99999999999"])
def test_a_dead_letter_that_names_no_fed_record_is_unknown(offset: bytes) -> None:
    account = dead(Arrived(0, 9, b"0-3", b"x", (("__connect.errors.offset", offset),)))
    assert account.findings.counts == {"unknown": 1}


def test_without_a_judge_only_names_count() -> None:
    account = an_account(strict=False)
    for record in (a_labelled(0, text="other"), a_labelled(1)._replace(partition=1), a_labelled(3), a_labelled(3)):
        account.labelled(record)
    assert account.findings.counts == {"doubled": 1}
    assert list(account.numbers[0].lost(5)) == [2, 4]


def test_the_account_is_the_same_after_its_state_was_stored() -> None:
    whole, first = an_account(), an_account()
    records = [a_labelled(number, partition) for number in range(20) for partition in (0, 1) if number != 4]
    records.append(a_labelled(7)._replace(offset=99))
    for number, record in enumerate(records):
        whole.labelled(record)
        if number < 15:
            first.labelled(record)
    second = an_account()
    second.restore(json.loads(json.dumps(first.state())))
    for record in records[15:]:
        second.labelled(record)
    assert second.state() == whole.state()
    assert second.findings.sentence("doubled") == whole.findings.sentence("doubled")
