"""Combines the texts of many requests into few calls of the model. One thread owns the classifier.

Requests that arrive during a call wait in a queue, and the next call takes all of them. Requests that were answered
together are likely to return together, so the owner waits up to GATHER_S for as many requests as the last call had.
A single client has no such wait.
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
"""Texts in the queue: the last of them waits for seconds on a CPU; a client whose request is refused can retry."""

CALL_MAX_TEXTS: Final = 1_000
"""Texts in one call: as many as the largest request has (`api_models.TEXTS_MAX`)."""

GATHER_S: Final = 0.02
"""The longest wait for more requests: about the time of one call with one text."""

STOP_CHECK_S: Final = 0.25
"""Seconds between two checks of the stop flag while no request arrives."""

Answer = list[Prediction | BadRecordError]


class BusyError(Exception):
    """The queue is full, or the server is stopping."""


@dataclass(frozen=True, slots=True)
class _Request:
    texts: Sequence[str]
    answer: "Future[Answer]" = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class CallCounts:
    """How often the model was called, and with how many texts in all."""

    model_calls: int = 0
    texts: int = 0


class Batcher:
    """Any thread may call `submit`; only the thread that owns the classifier calls `run`."""

    def __init__(self, classifier: TextClassifier) -> None:
        self._classifier = classifier
        self._changed = threading.Condition()
        self._queue: deque[_Request] = deque()
        self._waiting_texts = 0
        self._together = 1
        self._ended = False
        self.counts = CallCounts()

    def submit(self, texts: Sequence[str]) -> "Future[Answer]":
        """Return a prediction for each text in order, or the BadRecordError of a text on which the model fails.

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
        """Texts in the queue."""
        return self._waiting_texts

    def run(self, stop: StopRequest) -> None:
        """Answer requests until the flag is set. Raises FatalError if the model is broken."""
        try:
            while not stop.is_set():
                if requests := self._take():
                    self._answer([each for each in requests if each.answer.set_running_or_notify_cancel()])
        finally:
            self._end()

    def _take(self) -> list[_Request]:
        """Return whole requests with at most CALL_MAX_TEXTS texts; nothing if no request arrives in STOP_CHECK_S."""
        taken: list[_Request] = []
        with self._changed:
            if not self._changed.wait_for(lambda: self._queue, STOP_CHECK_S):
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
        self.counts = CallCounts(self.counts.model_calls + 1, self.counts.texts + len(texts))
        for request in requests:
            request.answer.set_result([next(predictions) for _ in request.texts])

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            left, self._queue = self._queue, deque()
        for request in left:
            if request.answer.set_running_or_notify_cancel():
                request.answer.set_exception(FatalError("the page's server is stopping", ExitCode.OK))
