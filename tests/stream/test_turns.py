"""A slow worker with a backlog reads from each of its partitions in turn."""

from collections import Counter
from contextlib import closing

from tests.servers import Message, Stack, eventually, publish, settings_of, unique_topics
from tweets.records import Record
from worker.kafka.consumer import TweetConsumer

PARTITIONS, BACKLOG, BATCH = 3, 2_000, 20


def test_polls_of_a_backlog_return_records_of_each_partition_in_turn(stack: Stack) -> None:
    env = unique_topics(stack, PARTITIONS)
    for number in range(PARTITIONS):
        publish(stack, env["KAFKA_INPUT_TOPIC"], [Message(b"value", partition=number)] * BACKLOG)
    with closing(TweetConsumer(settings_of(env))) as consumer:
        eventually(lambda: joined(consumer), 60, "the consumer owns the partitions")
        polled: list[Record] = []
        while len(polled) < PARTITIONS * 10 * BATCH:
            polled += consumer.poll(timeout_s=10, max_records=BATCH).records
    turns = Counter(record.partition.number for record in polled)
    assert all(turns[number] >= 8 * BATCH for number in range(PARTITIONS)), turns
    for number in range(PARTITIONS):
        offsets = [record.offset for record in polled if record.partition.number == number]
        assert offsets == list(range(len(offsets)))


def joined(consumer: TweetConsumer) -> bool:
    """Return whether the consumer owns all partitions, which then are read from the beginning."""
    partitions = consumer.poll(timeout_s=0.1, max_records=1).membership.partitions
    for partition in partitions:
        consumer.seek(partition, 0)
    return len(partitions) == PARTITIONS
