"""The replay: each tweet waits until it is due, is sent, and is tracked until Kafka acknowledges the tweet."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from producer.deliveries import Deliveries, Delivery
from producer.pacing import Pacer
from tweets.timestamps import rfc3339_ms
from tweets.tweet import Tweet, encode

NAP_S = 0.1
"""The longest sleep: a signal ends the replay after at most this time, at any rate."""

Send = Callable[[bytes, bytes], Delivery]
"""A function that sends a key and a value to Kafka and does not wait for the acknowledgement."""


class Progress(Protocol):
    """Shows the progress of a replay. `show` is called often; not every call has to draw."""

    def show(self, sent: int) -> None:
        """Receive the number of acknowledged tweets."""

    def finish(self, sent: int) -> None:
        """Show the final number of acknowledged tweets."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a replay, printed as JSON: `sent` tweets were acknowledged, `failed` were not."""

    sent: int
    failed: int
    seconds: float
    tweets_per_second: float


@dataclass(slots=True)
class Replay:
    """Sends tweets at the rate of `pacer` until the tweets end, a tweet fails or `stopped` returns True."""

    send: Send
    deliveries: Deliveries
    pacer: Pacer
    stopped: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    seconds: float = field(default=0.0, init=False)

    def run(self, tweets: Iterable[Tweet], progress: Progress) -> None:
        """Send the tweets and return when every sent tweet is acknowledged or has failed.

        The first failure ends the replay, because later tweets would wait behind the failed tweet; the reason is in
        `deliveries.error`. An error that `tweets` raises is raised again after the acknowledgements.
        """
        started_s = self.clock()
        try:
            self._send_all(tweets, progress)
        finally:
            self.deliveries.settle_all()
            self.seconds = self.clock() - started_s
        progress.finish(self.deliveries.acknowledged)

    def summary(self) -> Summary:
        """Return the result so far."""
        sent = self.deliveries.acknowledged
        rate = sent / self.seconds if self.seconds else 0.0
        return Summary(sent, self.deliveries.failed, round(self.seconds, 3), round(rate, 1))

    def _send_all(self, tweets: Iterable[Tweet], progress: Progress) -> None:
        for tweet in tweets:
            self._wait_until_due(progress)
            if self.stopped() or self.deliveries.error is not None:
                return
            self._send(tweet)
            progress.show(self.deliveries.acknowledged)

    def _wait_until_due(self, progress: Progress) -> None:
        due_s = self.pacer.next_due_s(self.clock())
        while (left_s := due_s - self.clock()) > 0 and not self.stopped():
            self.sleep(min(left_s, NAP_S))
            progress.show(self.deliveries.acknowledged)

    def _send(self, tweet: Tweet) -> None:
        try:
            now = rfc3339_ms(time.time_ns() // 1_000_000)
            delivery = self.send(tweet.id.encode("utf-8", "replace"), encode(replace(tweet, created_at=now)))
        except Exception as error:  # kafka-python may refuse at once, such as a record that is too large
            self.deliveries.refused(error)
        else:
            self.deliveries.add(delivery)
