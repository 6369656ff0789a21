"""The thread that watches Kafka: the labelled tweets and the lag of the workers; it reconnects after every failure."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from dashboard.board import Board, ServiceState, ServiceStatus
from dashboard.hashtags import Hashtags
from dashboard.lag import LagClock
from dashboard.offsets_reader import OffsetsReader, TopicOffsets
from dashboard.output_reader import OutputReader, UnreadableOutputError
from dashboard.shown_tweet import ShownTweet
from dashboard.stream_statistics import RECENT, StreamStatistics
from worker.errors import FatalError, TransientError
from worker.kafka.reachable import KafkaUnreachableError, wait_until_reachable
from worker.process.stop import StopRequest
from worker.settings import Settings

log = logging.getLogger(__name__)

POLL_S: Final = 0.25
"""Seconds that one poll waits for records: the longest delay of a stop and of new figures."""

OFFSETS_EVERY_S: Final = 1.0
"""Seconds between two reads of the offsets, as often as pages are sent the lag; each read costs a few requests."""

HASHTAGS_EVERY_S: Final = 5.0
"""Seconds between two looks at the hashtags, each of which takes milliseconds."""

RETRY_S: Final = 1.0
"""Seconds before the next attempt to connect."""


class KafkaWatch:
    """Writes the board's `kafka`, `stream`, `lag` and `hashtags`."""

    def __init__(self, settings: Settings, board: Board, statistics: StreamStatistics, stop: StopRequest) -> None:
        self._settings = settings
        self._board = board
        self._statistics = statistics
        self._stop = stop
        self._lag = LagClock()
        self._hashtags = Hashtags(time.time())
        self._hashtags_due_s = 0.0
        self._positions: dict[int, int] = {}
        """Partition → next offset to read; kept over a lost connection, so that no tweet is missed or counted twice."""
        self._live_from: dict[int, int] | None = None
        """Partition → end of the output topic at the first look: tweets before it are shown, but not counted."""

    def run(self) -> None:
        """Follow the output topic until the flag is set."""
        self._board.stream = self._statistics.summary()  # without a Kafka, the chart has the minutes in Redis
        while not self._stop.is_set():
            try:
                wait_until_reachable(self._settings, self._stop)
                with OffsetsReader(self._settings) as offsets, OutputReader(self._settings) as output:
                    self._follow(offsets, output)
            except (TransientError, FatalError) as error:
                self._show_failure(error)
                self._stop.wait(RETRY_S)

    def _follow(self, offsets: OffsetsReader, output: OutputReader) -> None:
        next_read_s = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= next_read_s:
                self._show_offsets(offsets.read(), output)
                next_read_s = time.monotonic() + OFFSETS_EVERY_S
            if self._positions:
                self._read(output)
            else:
                self._stop.wait(POLL_S)
            self._board.stream = self._statistics.summary()
            self._show_hashtags()

    def _show_hashtags(self) -> None:
        if time.monotonic() >= self._hashtags_due_s:
            self._board.hashtags = self._hashtags.summary(time.time())
            self._hashtags_due_s = time.monotonic() + HASHTAGS_EVERY_S

    def _show_offsets(self, offsets: TopicOffsets, output: OutputReader) -> None:
        if not self._board.kafka.answers:
            log.info("Kafka at %s answers", self._settings.kafka_bootstrap_servers)
        self._board.kafka = ServiceStatus("Kafka", ServiceState.ANSWERS, self._missing(offsets))
        self._board.lag = None
        if offsets.committed is not None and offsets.input_ends:
            self._board.lag = self._lag.measure(time.time(), ends=offsets.input_ends, committed=offsets.committed)
        self._update_positions(offsets.output_ends, output)

    def _missing(self, offsets: TopicOffsets) -> tuple[str, ...]:
        ends = {
            self._settings.kafka_output_topic: offsets.output_ends,
            self._settings.kafka_input_topic: offsets.input_ends,
        }
        return tuple(topic for topic, found in ends.items() if not found)

    def _update_positions(self, ends: Mapping[int, int], output: OutputReader) -> None:
        """Read a new partition from its beginning; at the start of the page, from the last RECENT records."""
        if self._live_from is None:
            self._live_from = dict(ends)
            self._positions = {number: max(0, end - RECENT) for number, end in ends.items()}
        recreated = {number for number, position in self._positions.items() if position > ends.get(number, position)}
        for number in recreated:
            self._live_from.pop(number, None)
        self._positions = {number: 0 if number in recreated else self._positions.get(number, 0) for number in ends}
        output.follow(self._positions, again=recreated)

    def _read(self, output: OutputReader) -> None:
        try:
            records = output.poll(POLL_S)
        except UnreadableOutputError:
            self._positions.clear()
            self._live_from = None
            raise
        live: list[ShownTweet] = []
        earlier: list[ShownTweet] = []
        for number, offset, tweet in records:
            self._positions[number] = max(self._positions.get(number, 0), offset + 1)
            if tweet is not None:
                if tweet.input_at_s is not None:
                    self._lag.labelled(number, tweet.input_at_s)
                (earlier if offset < (self._live_from or {}).get(number, 0) else live).append(tweet)
        self._statistics.show_only(earlier)
        self._statistics.add(live)
        now_s = time.time()
        for shown in live:
            self._hashtags.add(shown.at_s, shown.tweet.text, now_s)

    def _show_failure(self, error: TransientError | FatalError) -> None:
        """Mark Kafka as silent or refusing; rates, latency and lag are unknown then."""
        refuses = isinstance(error, FatalError) and not isinstance(error, KafkaUnreachableError)
        state = ServiceState.REFUSES if refuses else ServiceState.SILENT
        if self._board.kafka.state is not state:
            servers = self._settings.kafka_bootstrap_servers
            log.warning("cannot read from Kafka at %s (%s): %s; retrying every %g s", servers, state, error, RETRY_S)
        self._board.kafka = ServiceStatus("Kafka", state)
        self._board.lag = None
        self._board.stream = replace(self._statistics.summary(), rates={}, latency=None)
