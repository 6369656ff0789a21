"""The section of docs/reference.md on the records that a replay sends."""

from deploy.markdown import table
from tweets.replayed import HEADERS


def replayed_records() -> str:
    """Return the section, Markdown."""
    rows = [(f"`{name}`", text) for name, text in HEADERS.items()]
    return f"""## Replayed records

[`python -m worker dead-letters replay`](operations.md#dead-letters) sends an input record to the input topic again:
key, value, partition number and headers of the dead letter, without `__connect.errors.*`, and with these headers, which
stay on the labelled tweet.

{table(("Header", "Value"), rows)}"""
