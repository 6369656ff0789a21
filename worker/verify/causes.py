"""The causes of a difference that `python -m worker verify` can name; docs/operations.md describes each."""

from enum import StrEnum


class Cause(StrEnum):
    """The name of a cause, as `verify --json` prints it."""

    # Redis and the commit that it has
    REDIS_EMPTY = "redis_empty"
    NOT_PUBLISHED = "not_published"
    PUBLISHING_AGAIN = "publishing_again"
    STILL_MOVING = "still_moving"
    REDIS_BEHIND = "redis_behind"
    REDIS_AHEAD = "redis_ahead"
    STALE_FENCE = "stale_fence"
    POSITION_MOVED_BACK = "position_moved_back"
    EDITED = "edited"
    SCRIPT_UNFINISHED = "script_unfinished"
    SHARED_PREFIX = "shared_prefix"
    PARTITION_GONE = "partition_gone"

    # The committed offsets
    OFFSETS_LOST = "offsets_lost"
    OFFSET_MOVED = "offset_moved"
    FOREIGN_METADATA = "foreign_metadata"
    STATE_LOST = "state_lost"
    TOPIC_RECREATED = "topic_recreated"

    # The output topic
    OUTPUT_LACKS_TWEETS = "output_lacks_tweets"
    OUTPUT_BLOCKED = "output_blocked"
    OUTPUT_COMPACTED = "output_compacted"
    OUTPUT_HAS_MORE = "output_has_more"
    COUNTED_FROM_ZERO = "counted_from_zero"

    # What is no difference, or was not looked at
    RECORDS_SKIPPED = "records_skipped"
    RETENTION = "retention"
    WINDOW_SETTINGS = "window_settings"
    TIME_OUT = "time_out"
    UNKNOWN = "unknown"
