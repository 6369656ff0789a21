"""Texts from many requests, few calls of the model: one thread owns the classifier and takes all that has queued up.

While the model is busy, requests gather by themselves; the next call takes them together. As many as were answered
together may come back together, so the owner waits for so many for a moment. A client that is alone never waits.
"""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from tweets.prediction import Prediction
from tweets.reasons import BadRecordError
from worker.errors import ExitCode, FatalError
from worker.inference.isolate import TextClassifier, classify_each
from worker.process.stop import StopRequest

QUEUE_MAX_TEXTS: Final = 4_000
"""More would wait for many seconds; whoever is told so at once can come back or go elsewhere."""
CALL_MAX_TEXTS: Final = 1_000
GATHER_S: Final = 0.02
LOOK_UP_S: Final = 0.25

Answer = list[Prediction | BadRecordError]


class BusyError(Exception):
    """The queue is full."""


@dataclass(frozen=True, slots=True)
class _Request:
    texts: Sequence[str]
    answer: "Future[Answer]" = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Stats:
    """How often the model was called, and with how many texts in all."""

    model_calls: int = 0
    texts: int = 0


class Batcher:
    """`submit` is for any thread, `run` for the one that owns the classifier."""

    def __init__(self, classifier: TextClassifier) -> None:
        self._classifier = classifier
        self._changed = threading.Condition()
        self._queue: deque[_Request] = deque()
        self._waiting_texts = 0
        self._together = 1
        self._ended = False
        self.stats = Stats()

    def submit(self, texts: Sequence[str]) -> "Future[Answer]":
        """Return a prediction for each text in order, or the BadRecordError of one on which the model fails.

        Raises BusyError.
        """
        request = _Request(texts)
        with self._changed:
            if self._ended or self._waiting_texts + len(texts) > QUEUE_MAX_TEXTS:
                raise BusyError
            self._queue.append(request)
            self._waiting_texts += len(texts)
            self._changed.notify()
        return request.answer

    @property
    def waiting_texts(self) -> int:
        """Texts that no call has taken yet."""
        return self._waiting_texts

    def run(self, stop: StopRequest) -> None:
        """Answers requests until the flag is set. Raises FatalError if the model is broken."""
        try:
            while not stop.is_set():
                if requests := self._take():
                    self._answer([each for each in requests if each.answer.set_running_or_notify_cancel()])
        finally:
            self._end()

    def _take(self) -> list[_Request]:
        """Whole requests, up to CALL_MAX_TEXTS; none if nothing has come for a while."""
        taken: list[_Request] = []
        with self._changed:
            if not self._changed.wait_for(lambda: self._queue, LOOK_UP_S):
                return taken
            self._changed.wait_for(lambda: len(self._queue) >= self._together, GATHER_S)
            texts = 0
            while self._queue and (not taken or texts + len(self._queue[0].texts) <= CALL_MAX_TEXTS):
                taken.append(self._queue.popleft())
                texts += len(taken[-1].texts)
            self._waiting_texts -= texts
            self._together = len(taken)
        return taken

    def _answer(self, requests: Sequence[_Request]) -> None:
        texts = [text for request in requests for text in request.texts]
        if not texts:
            return
        try:
            predictions = iter(classify_each(self._classifier.classify, self._classifier.probe, texts))
        except FatalError as error:
            for request in requests:
                request.answer.set_exception(error)
            raise
        self.stats = Stats(self.stats.model_calls + 1, self.stats.texts + len(texts))
        for request in requests:
            request.answer.set_result([next(predictions) for _ in request.texts])

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            left, self._queue = self._queue, deque()
        for request in left:
            if request.answer.set_running_or_notify_cancel():
                request.answer.set_exception(FatalError("the page's server is ending", ExitCode.OK))
