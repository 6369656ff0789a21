"""Everything that can be wrong with a record: one dead letter each, and the next records are processed."""

import json
import uuid
from collections import Counter
from collections.abc import Mapping
from itertools import cycle, islice

from tests.servers import (
    ApacheStack,
    Message,
    Stack,
    create_topics,
    publish,
    read_committed,
    unique_topics,
)
from tests.stream.programs import StartWorker, started
from tests.stream.tweets import fields, interleaved, sample_tweets
from tests.stream.verifier import Verifier, dead_offset, reason

PARTITIONS = 3
DONE_S = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

KIND = "kind"
"""The header that names what is wrong with a record of these tests."""

BAD_VALUES: dict[str, tuple[bytes | None, str]] = {
    "not JSON": (b"so happy today", "not_json"),
    "cut JSON": (b'{"text": "so hap', "not_json"),
    "two JSON values": (b'{"text": "a"} {"text": "b"}', "not_json"),
    "an empty value": (b"", "not_json"),
    "100,000 brackets": (b"[" * 100_000, "not_json"),
    "100,000 nested objects": (b'{"text":' * 100_000, "not_json"),
    "not UTF-8": (b'{"text": "so happy \xff\xfe"}', "not_utf8"),
    "half a character of UTF-8": (b'{"text": "caf\xc3"}', "not_utf8"),
    "UTF-16": ('{"text": "so happy"}'.encode("utf-16"), "not_utf8"),
    "no text": (b'{"id": "1", "message": "so happy"}', "no_text"),
    "null for text": (b'{"text": null}', "no_text"),
    "a number for text": (b'{"text": 42}', "no_text"),
    "NaN for text": (b'{"text": NaN}', "no_text"),
    "a huge number for text": (b'{"text": ' + b"9" * 10_000 + b"}", "no_text"),
    "a list for text": (b'{"text": ["so happy"]}', "no_text"),
    "an object for text": (b'{"text": {"text": "so happy"}}', "no_text"),
    "the second text is none": (b'{"text": "so happy", "text": false}', "no_text"),
    "an empty text": (b'{"text": ""}', "blank_text"),
    "a blank text": (b'{"text": " \\t\\n\xc2\xa0"}', "blank_text"),
    "an invisible text": ('{"text": "\u200b\u2060\ufeff"}'.encode(), "blank_text"),
    "a JSON list": (b'[{"text": "so happy"}]', "not_an_object"),
    "a JSON string": (b'"so happy"', "not_an_object"),
    "a JSON number": (b"42", "not_an_object"),
    "a JSON true": (b"true", "not_an_object"),
    "a JSON null": (b"null", "not_an_object"),
    "a null value": (None, "null_value"),
    "a text of 100,000 characters": (b'{"text": "' + b"happy " * 16_667 + b'"}', "text_too_long"),
}

ODD_TWEETS = (
    {"text": "😀🏳️‍🌈👩‍👩‍👧"},
    {"text": "أنا سعيد جدا اليوم"},
    {"text": "so\x00happy\x1b[31m"},
    {"text": "\ud83d so happy"},
    {"text": "so happy", "id": 12345678901234567890},
    {"text": "so happy", "id": ["no", "id"], "created_at": "yesterday", "label": 3},
    {"text": "so happy", "created_at": "2026-02-30T00:00:00Z", "unknown": {"deep": [1, None]}},
    {"text": "x" * 10_000},
    {"text": "."},
)


def bad_records(number: int) -> list[Message]:
    """Return `number` records, of every kind in turn; every third has no key, every fourth an empty header."""
    name = uuid.uuid4().hex[:8]
    return [
        Message(
            value,
            key=None if index % 3 == 0 else f"bad-{name}-{index}".encode(),
            headers=((KIND, kind.encode()), ("index", str(index).encode()))
            + ((("nothing", None),) if index % 4 == 0 else ()),
            partition=index % PARTITIONS,
        )
        for index, (kind, (value, _)) in enumerate(islice(cycle(BAD_VALUES.items()), number))
    ]


def own_headers(message: Message) -> list[tuple[str, bytes | None]]:
    """Return the headers that the record came with."""
    return [
        (name, content)
        for name, content in message.headers
        if not name.startswith("__connect.errors.") and name != "truncated"
    ]


def test_a_thousand_bad_records_among_a_thousand_tweets_each_have_their_dead_letter(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier, bad = Verifier(stack, env), bad_records(1_000)
    publish(stack, env["KAFKA_INPUT_TOPIC"], interleaved(sample_tweets(1_000, partitions=PARTITIONS), bad))
    worker = started(env, start_worker)
    verifier.wait_until_done(DONE_S)

    kept = verifier.check_all_done(2_000)
    assert (len(kept.labelled), len(kept.dead)) == (1_000, 1_000)
    letters = {dict(letter.headers)["index"]: letter for letter in kept.dead}
    arrived = read_committed(stack, env["KAFKA_INPUT_TOPIC"])
    for record in (each for each in arrived if KIND in dict(each.headers)):
        assert_dead_letter(letters[dict(record.headers)["index"] or b""], record, env["KAFKA_INPUT_TOPIC"])
    expected = Counter(BAD_VALUES[(dict(each.headers)[KIND] or b"").decode()][1] for each in bad)
    metrics = worker.metrics()
    assert metrics.total("emotion_tweets_dead_lettered_total") == 1_000
    assert {name: metrics[f'emotion_tweets_dead_lettered_total{{reason="{name}"}}'] for name in expected} == expected
    assert metrics.total("emotion_tweets_classified_total") == 1_000


def assert_dead_letter(letter: Message, record: Message, topic: str) -> None:
    """Assert that the whole record is in its dead letter, with the reason and the position."""
    kind = (dict(record.headers)[KIND] or b"").decode()
    value = b"" if record.key is None and record.value is None else record.value  # no client can send neither
    assert (letter.key, letter.value, letter.partition) == (record.key, value, record.partition), kind
    assert own_headers(letter) == [(name, content or b"") for name, content in record.headers], kind
    assert reason(letter) == BAD_VALUES[kind][1], kind
    why = dict(letter.headers)
    assert why["__connect.errors.topic"] == topic.encode()
    assert why["__connect.errors.partition"] == str(record.partition).encode()
    assert why["__connect.errors.offset"] == str(record.offset).encode()
    assert why["__connect.errors.stage"] == b"VALUE_CONVERTER"
    assert {"__connect.errors.class.name", "__connect.errors.exception.class.name"} <= why.keys()
    assert b"happy" not in (why["__connect.errors.exception.message"] or b""), "a message quotes the tweet"


def test_odd_tweets_are_tweets(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    odd = [Message(json.dumps(tweet).encode(), partition=n % PARTITIONS) for n, tweet in enumerate(ODD_TWEETS)]
    publish(stack, env["KAFKA_INPUT_TOPIC"], odd)
    started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    kept = verifier.check_all_done(len(ODD_TWEETS))
    assert (len(kept.labelled), kept.dead) == (len(ODD_TWEETS), [])
    assert not any({"created_at", "label"} & fields(each).keys() for each in kept.labelled)


def test_a_record_of_two_megabytes_is_kept_whole_where_the_dead_letter_topic_takes_it(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, 1, topic_config={"max.message.bytes": str(4_000_000)})
    (letter, record) = two_megabytes(stack, env, start_worker)
    assert (letter.key, letter.value) == (record.key, record.value)
    assert own_headers(letter) == list(record.headers)
    assert "truncated" not in dict(letter.headers)


def test_a_record_of_two_megabytes_is_cut_where_the_dead_letter_topic_takes_less(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    # The embedded Kafka knows no limit of its own.
    env = unique_topics(apache_stack, 1)
    large = f"large-{env['KAFKA_INPUT_TOPIC']}"
    create_topics(apache_stack, [large], 1, config={"max.message.bytes": str(4_000_000)})
    (letter, record) = two_megabytes(apache_stack, env | {"KAFKA_INPUT_TOPIC": large}, start_worker)
    assert dict(letter.headers)["truncated"] == b"true"
    assert letter.key == record.key
    assert own_headers(letter) == list(record.headers)
    assert letter.value is not None
    assert record.value is not None
    assert 1_000_000 < len(letter.value) < 1_048_588
    assert record.value.startswith(letter.value)


def two_megabytes(stack: Stack, env: Mapping[str, str], start_worker: StartWorker) -> tuple[Message, Message]:
    """Send a record of 2 MB between tweets; return its dead letter and the record."""
    verifier, (first, last) = Verifier(stack, env), sample_tweets(2, partitions=1)
    large = Message(json.dumps({"text": "happy " * 350_000}).encode(), b"large", ((KIND, b"large"),), 0)
    publish(stack, env["KAFKA_INPUT_TOPIC"], [first, large, last])
    started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    kept = verifier.check_all_done(3)
    (letter,) = kept.dead
    assert reason(letter) == "record_too_large"
    assert dead_offset(letter) == 1
    return letter, large
