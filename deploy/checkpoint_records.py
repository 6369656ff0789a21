"""The section of docs/reference.md on the records of the checkpoint topic."""

from typing import Final

from deploy.markdown import table
from worker.windows.records import RECORDS

_REPLAYS: Final = (
    "",
    '`{"v":1,"offset":9,"topic":"…","replayed":[[["no_text"],null,null,12]]}`',
    "Position of `dead-letters replay` (group `KAFKA_GROUP_ID.dead-letters`, the dead-letter topic): handled are all "
    "dead letters before `offset`, and those of each selection (reasons, from, to) before its offset. `topic` is the "
    "topic id of the dead-letter topic.",
)


def checkpoint_records() -> str:
    """Return the section, Markdown."""
    rows = [(f"`|{name}`" if name else "", value, meaning) for name, value, meaning in (*RECORDS, _REPLAYS)]
    return f"""## Records of the checkpoint topic

Only workers and their commands read the topic `KAFKA_CHECKPOINT_TOPIC`; its records may change with a release. Each key
begins with `group|topic|partition`, and the newest record of a key counts. `N` counts minutes, hours or days since 1970
in UTC. A record without a value deletes a period that has expired.

{table(("Key after `group|topic|partition`", "Value", "Meaning"), rows)}"""
