"""The replay: each tweet waits for its turn, is sent, and is followed to its acknowledgement."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from producer.deliveries import Deliveries, Delivery
from producer.pacing import Pacer
from tweets.labelled_tweet import rfc3339_now
from tweets.tweet import Tweet, encode

NAP_S = 0.1
"""The longest sleep, so that a signal is answered at once whatever the rate."""

Send = Callable[[bytes, bytes], Delivery]
"""Hand a key and a value to Kafka without waiting for the acknowledgement."""


class Progress(Protocol):
    """Shows how far the replay is; it is called often and decides itself when to draw."""

    def show(self, sent: int) -> None:
        """Take note that so many tweets are acknowledged."""

    def finish(self, sent: int) -> None:
        """Show the last number."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a replay did; `sent` tweets were acknowledged, `failed` were not."""

    sent: int
    failed: int
    seconds: float
    tweets_per_second: float


@dataclass(slots=True)
class Replay:
    """Sends tweets at a pace until they end, one fails, or `stopped` says so."""

    send: Send
    deliveries: Deliveries
    pacer: Pacer
    stopped: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    seconds: float = field(default=0.0, init=False)

    def run(self, tweets: Iterable[Tweet], progress: Progress) -> None:
        """Send the tweets and return when every one that was sent is acknowledged or has failed.

        The first failure ends the replay, since later tweets would only pile up behind it; its reason is in
        `deliveries.error`. What the tweets themselves raise passes through, after the acknowledgements.
        """
        started_s = self.clock()
        try:
            self._send_all(tweets, progress)
        finally:
            self.deliveries.settle_all()
            self.seconds = self.clock() - started_s
        progress.finish(self.deliveries.acknowledged)

    def summary(self) -> Summary:
        """Return what was done until now."""
        sent = self.deliveries.acknowledged
        rate = sent / self.seconds if self.seconds else 0.0
        return Summary(sent, self.deliveries.failed, round(self.seconds, 3), round(rate, 1))

    def _send_all(self, tweets: Iterable[Tweet], progress: Progress) -> None:
        for tweet in tweets:
            self._wait_for_turn(progress)
            if self.stopped() or self.deliveries.error is not None:
                return
            self._send(tweet)
            progress.show(self.deliveries.acknowledged)

    def _wait_for_turn(self, progress: Progress) -> None:
        due_s = self.pacer.next_due_s(self.clock())
        while (left_s := due_s - self.clock()) > 0 and not self.stopped():
            self.sleep(min(left_s, NAP_S))
            progress.show(self.deliveries.acknowledged)

    def _send(self, tweet: Tweet) -> None:
        try:
            delivery = self.send(tweet.id.encode("utf-8", "replace"), encode(replace(tweet, created_at=rfc3339_now())))
        except Exception as error:  # the client may refuse at once: a record too large, a topic that has gone
            self.deliveries.refused(error)
        else:
            self.deliveries.add(delivery)
