"""The tweets that ship with this package to train on: written for it like raw tweets, few with "I feel"."""

from pathlib import Path
from typing import Final

RAW_TWEETS: Final = "raw-tweets"
"""The name of these tweets in `--add` and in a data file."""
RAW_TWEETS_FILE: Final = Path(__file__).with_name("raw_tweets.jsonl")
"""The file of these tweets, labelled with the six emotions."""

EVERYDAY_TWEETS: Final = "everyday-tweets"
"""The name in a data file of later tweets by other habits, a third of them neutral: replies, complaints, small talk."""
IMPLIED_TWEETS: Final = "implied-tweets"
"""The name in a data file of tweets that show an emotion and seldom name it: facts, irony, reactions to one event."""

SHIPPED: Final = {
    RAW_TWEETS: RAW_TWEETS_FILE,
    EVERYDAY_TWEETS: Path(__file__).with_name("everyday_tweets.jsonl"),
    IMPLIED_TWEETS: Path(__file__).with_name("implied_tweets.jsonl"),
}
"""Name → file of every set of tweets that ships with this package to train on."""
