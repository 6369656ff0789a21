"""Quix Streams labels tweets and counts them in Redis, if no fault comes between."""

from pathlib import Path

import pytest

from chaos.options import QUIX
from chaos.peers.programs import peer
from tests.chaos.peer_run import label_some_tweets
from tests.servers import ApacheStack


@pytest.mark.hub
@pytest.mark.slow
def test_quix_streams_labels_every_tweet_once_and_counts_it(apache_stack: ApacheStack, tmp_path: Path) -> None:
    sent, found = label_some_tweets(peer(QUIX, tmp_path), apache_stack, tmp_path)
    assert sorted(each.key or b"" for each in found) == sorted(each.key or b"" for each in sent)
