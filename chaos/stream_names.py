"""What the stream under test is called: topics, group, keys in Redis."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamNames:
    """Topics with `partitions` partitions each, the consumer group, and the prefix of the keys in Redis."""

    input: str = "tweets"
    output: str = "tweets.emotions"
    dead_letters: str = "tweets.dead-letter"
    checkpoints: str = "tweets.checkpoints"
    group: str = "emotion-worker"
    redis_prefix: str = "{emotion}"
    partitions: int = 12

    def state_name(self, partition: int) -> str:
        """Return the field of a partition in the hashes of Redis, which is also its key on the checkpoint topic."""
        return f"{self.group}|{self.input}|{partition}"

    def environment(self, *, bootstrap: str, redis_url: str) -> dict[str, str]:
        """Return the settings of a worker on these topics."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "KAFKA_INPUT_TOPIC": self.input,
            "KAFKA_OUTPUT_TOPIC": self.output,
            "KAFKA_DEAD_LETTER_TOPIC": self.dead_letters,
            "KAFKA_CHECKPOINT_TOPIC": self.checkpoints,
            "KAFKA_GROUP_ID": self.group,
            "REDIS_URL": redis_url,
            "REDIS_KEY_PREFIX": self.redis_prefix,
            "METRICS_HOST": "127.0.0.1",
        }
