"""Everything that can be wrong with a record: one dead letter each, and the next records are processed."""

import json
import struct
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path

import pytest
from confluent_kafka import Producer
from kafka import KafkaProducer

from tests.servers import (
    ApacheStack,
    Message,
    Stack,
    WorkerProcess,
    create_topics,
    eventually,
    publish,
    read_committed,
    unique_topics,
)
from tests.stream.programs import StartWorker
from tests.stream.tweets import fields, interleaved, sample_tweets
from tests.stream.verifier import Verifier, dead_offset, fold, reason
from worker.errors import ExitCode

PARTITIONS = 3
DONE_S = 120.0
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


def started(env: Mapping[str, str], start_worker: StartWorker, **settings: str) -> WorkerProcess:
    worker = start_worker({**env, **settings})
    worker.wait_ready()
    return worker


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


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_tweets_are_classified(stack: Stack, start_worker: StartWorker, compression: str) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    publish_with(
        Producer({"bootstrap.servers": stack.bootstrap, "compression.type": compression, "linger.ms": 50}),
        env["KAFKA_INPUT_TOPIC"],
        sample_tweets(300, partitions=PARTITIONS),
    )
    started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    assert len(verifier.check_all_done(300).labelled) == 300


def test_tweets_of_an_aborted_transaction_are_never_classified(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, 1)
    verifier, tweets = Verifier(stack, env), sample_tweets(300, partitions=1)
    producer = Producer({"bootstrap.servers": stack.bootstrap, "transactional.id": env["KAFKA_INPUT_TOPIC"]})
    producer.init_transactions(60)
    for number, aborted in enumerate((True, False, True)):
        producer.begin_transaction()
        publish_with(producer, env["KAFKA_INPUT_TOPIC"], tweets[number * 100 : number * 100 + 100])
        producer.abort_transaction(60) if aborted else producer.commit_transaction(60)
    worker = started(env, start_worker)
    eventually(lambda: worker.metrics().total("emotion_tweets_consumed_total") == 100, DONE_S, "100 are committed")
    kept = verifier.check()
    assert [fields(each)["id"] for each in kept.labelled] == [fields(each)["id"] for each in tweets[100:200]]
    assert worker.terminate() == ExitCode.OK
    assert len(verifier.check().labelled) == 100


def test_a_header_whose_name_is_not_utf8_costs_one_dead_letter(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    verifier, tweets = Verifier(apache_stack, env), sample_tweets(20, partitions=1)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets[:10])
    publish_a_header_name_of_other_bytes(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets[10])
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets[11:])
    worker = started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    assert_only_unreadable(apache_stack, env, [10], tweets)
    assert worker.metrics()['emotion_tweets_dead_lettered_total{reason="unreadable"}'] == 1


def test_a_batch_that_was_damaged_on_disk_costs_its_own_records_only(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    verifier, tweets = Verifier(apache_stack, env), sample_tweets(30, partitions=1)
    for part in (tweets[:10], tweets[10:13], tweets[13:]):
        publish(apache_stack, env["KAFKA_INPUT_TOPIC"], part)
    log = apache_stack.folder / "kafka" / f"{env['KAFKA_INPUT_TOPIC']}-0" / f"{0:020}.log"
    damage(log, tweets[11].value or b"")
    started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    damaged = batch_around(log, 11)
    assert 11 in damaged
    assert_only_unreadable(apache_stack, env, damaged, tweets)


def assert_only_unreadable(
    stack: Stack, env: Mapping[str, str], offsets: Sequence[int], tweets: Sequence[Message]
) -> None:
    """Assert that these offsets are dead letters as unreadable, and all others labelled, in order, and counted."""
    verifier = Verifier(stack, env)
    labelled = read_committed(stack, env["KAFKA_OUTPUT_TOPIC"])
    dead = read_committed(stack, env["KAFKA_DEAD_LETTER_TOPIC"])
    assert [dead_offset(letter) for letter in dead] == list(offsets)
    assert {reason(letter) for letter in dead} == {"unreadable"}
    readable = [tweet for offset, tweet in enumerate(tweets) if offset not in offsets]
    assert [fields(each)["id"] for each in labelled] == [fields(each)["id"] for each in readable]
    assert json.loads(verifier.positions()[0].metadata)["counts"] == fold(labelled)[0]
    verifier.wait_until_redis_agrees(fold(labelled))


def publish_with(producer: Producer, topic: str, tweets: Iterable[Message]) -> None:
    """Send tweets with a client that has settings of its own; return when Kafka has acknowledged all."""
    for tweet in tweets:
        producer.produce(topic, tweet.value, tweet.key, tweet.partition or 0, headers=list(tweet.headers))
    assert producer.flush(60) == 0


class _OtherBytes(str):
    """A name that goes over the wire as bytes that are not UTF-8."""

    def encode(self, *_: object, **__: object) -> bytes:
        return b"\xff\xfe"


def publish_a_header_name_of_other_bytes(stack: Stack, topic: str, tweet: Message) -> None:
    """Send a tweet with a header that most clients refuse to send, and some to read."""
    producer = KafkaProducer(bootstrap_servers=stack.bootstrap)
    try:
        sent = producer.send(
            topic, key=tweet.key, value=tweet.value, partition=0, headers=[(_OtherBytes("odd"), b"content")]
        )
        sent.get(60)
    finally:
        producer.close()


def damage(log: Path, value: bytes) -> None:
    """Change one byte of this record's value in a broker's log."""
    with log.open("r+b") as file:
        at = file.read().index(value)
        file.seek(at)
        file.write(bytes([value[0] ^ 1]))


def batch_around(log: Path, offset: int) -> list[int]:
    """Return the offsets of all records in the batch that holds `offset`."""
    content, at = log.read_bytes(), 0
    while True:
        base, size = struct.unpack_from(">qi", content, at)
        (last_delta,) = struct.unpack_from(">i", content, at + 23)
        if base + last_delta >= offset:
            return list(range(base, base + last_delta + 1))
        at += 12 + size
