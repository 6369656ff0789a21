"""The settings of what a worker accepts as tweets."""

from pydantic_settings import BaseSettings

from worker.setting_fields import setting


class RecordSettings(BaseSettings):
    """Which records become dead letters, and how many dead letters are too many."""

    tweet_max_chars: int = setting(
        10_000,
        ge=1,
        le=1_000_000,
        unit="characters",
        meaning="A longer text becomes a dead letter with the reason `text_too_long`.",
        change="Raise when longer texts are wanted. The model reads only as many tokens as it was trained for.",
    )
    dead_letter_max_share: float | None = setting(
        None,
        gt=0,
        le=1,
        allow_inf_nan=False,
        meaning="Share of dead letters among the last 1,000 records of a worker at which the worker exits with code "
        "11, before it commits the batch that reaches the share. Unset: no limit. After a start, fewer records are "
        "judged, from 10 dead letters on.",
        change="To a value far above the usual share, such as `0.5`, where a wrong topic or a broken producer must "
        "stop the stream instead of filling the dead-letter topic; see [Too many dead "
        "letters](operations.md#too-many-dead-letters).",
    )
