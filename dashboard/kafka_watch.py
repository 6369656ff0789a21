"""The thread that watches Kafka: what comes out, and how far the workers are behind. It outlives every outage."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from dashboard.board import Board, Service
from dashboard.group_reader import GroupReader, Look
from dashboard.labelled import Labelled
from dashboard.lag import LagClock
from dashboard.output_reader import OutputReader, UnreadableOutputError
from dashboard.tally import RECENT, Tally
from worker.errors import FatalError, TransientError
from worker.kafka.reachable import wait_until_reachable
from worker.process.stop import StopRequest
from worker.settings import Settings

log = logging.getLogger(__name__)

POLL_S: Final = 0.25
LOOK_EVERY_S: Final = 1.0
RETRY_S: Final = 1.0


class KafkaWatch:
    """Writes the board's `kafka`, `stream` and `lag`."""

    def __init__(self, settings: Settings, board: Board, tally: Tally, stop: StopRequest) -> None:
        self._settings = settings
        self._board = board
        self._tally = tally
        self._stop = stop
        self._lag = LagClock()
        self._positions: dict[int, int] = {}
        """Partition → next offset to read; it outlives the connection, so that an outage costs nothing."""
        self._live_from: dict[int, int] | None = None
        """Where the output topic ended when it was first seen; what came before is only shown, not counted."""

    def run(self) -> None:
        """Watches until the flag is set."""
        while not self._stop.is_set():
            try:
                wait_until_reachable(self._settings, self._stop)
                with GroupReader(self._settings) as group, OutputReader(self._settings) as output:
                    self._follow(group, output)
            except (TransientError, FatalError) as fault:
                self._lost(fault)
                self._stop.wait(RETRY_S)

    def _follow(self, group: GroupReader, output: OutputReader) -> None:
        look_at_s = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= look_at_s:
                self._take(group.look(), output)
                look_at_s = time.monotonic() + LOOK_EVERY_S
            if self._positions:
                self._read(output)
            else:
                self._stop.wait(POLL_S)
            self._board.stream = self._tally.summary()

    def _take(self, look: Look, output: OutputReader) -> None:
        if not self._board.kafka.answers:
            log.info("Kafka at %s answers", self._settings.kafka_bootstrap_servers)
        self._board.kafka = Service(True, self._missing(look))
        self._board.lag = None
        if look.committed is not None and look.input_ends:
            self._board.lag = self._lag.look(time.time(), ends=look.input_ends, committed=look.committed)
        self._settle_positions(look.output_ends, output)

    def _missing(self, look: Look) -> str:
        topics = {
            self._settings.kafka_output_topic: look.output_ends,
            self._settings.kafka_input_topic: look.input_ends,
        }
        missing = [topic for topic, ends in topics.items() if not ends]
        return f"there is no topic {' or '.join(missing)} yet" if missing else ""

    def _settle_positions(self, ends: Mapping[int, int], output: OutputReader) -> None:
        """A partition seen for the first time is read from its beginning, or from its last tweets at our start."""
        if self._live_from is None:
            self._live_from = dict(ends)
            self._positions = {number: max(0, end - RECENT) for number, end in ends.items()}
        anew = {number for number, position in self._positions.items() if position > ends.get(number, position)}
        for number in anew:  # the topic was deleted and made again
            self._live_from.pop(number, None)
        self._positions = {number: 0 if number in anew else self._positions.get(number, 0) for number in ends}
        output.follow(self._positions, again=anew)

    def _read(self, output: OutputReader) -> None:
        try:
            records = output.poll(POLL_S)
        except UnreadableOutputError:
            self._positions.clear()
            self._live_from = None
            raise
        live: list[Labelled] = []
        earlier: list[Labelled] = []
        for number, offset, tweet in records:
            self._positions[number] = max(self._positions.get(number, 0), offset + 1)
            if tweet is not None:
                (earlier if offset < (self._live_from or {}).get(number, 0) else live).append(tweet)
        self._tally.remember(earlier)
        self._tally.add(live)

    def _lost(self, fault: Exception) -> None:
        if self._board.kafka.answers or not self._board.kafka.note.startswith("does"):
            log.warning("Kafka does not answer as it should (%s); the page says so and tries again", fault)
        refuses = isinstance(fault, FatalError) and "cannot be reached" not in str(fault)
        self._board.kafka = Service(False, "refuses this program" if refuses else "does not answer")
        self._board.lag = None
        self._board.stream = replace(self._tally.summary(), rates={}, latency=None)  # not known any more
