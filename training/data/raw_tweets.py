"""The tweets that ship with this package: written for it like raw tweets, few with "I feel"."""

from pathlib import Path
from typing import Final

RAW_TWEETS: Final = "raw-tweets"
"""The name of these tweets in `--add` and in a data file."""
RAW_TWEETS_FILE: Final = Path(__file__).with_name("raw_tweets.jsonl")
"""The file of these tweets, labelled with the six emotions."""
