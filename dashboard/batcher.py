"""Combines the texts of many requests into few calls of the model. One thread owns the classifier.

Requests that arrive during a call wait in a queue, and the next call takes all of them, up to the bounds of a call.
Requests that were answered together are likely to return together, so the owner waits up to GATHER_S for as many
requests as the last call had. A single client has no such wait.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from dashboard.request_queue import Answer, CallPart, Request, RequestQueue
from worker.errors import ExitCode, FatalError
from worker.inference.isolate import TextClassifier, classify_each
from worker.process.stop import StopRequest

GATHER_S: Final = 0.02
"""The longest wait for more requests: about the time of one call with one text."""

STOP_CHECK_S: Final = 0.25
"""Seconds between two checks of the stop flag while no request arrives."""


class BusyError(Exception):
    """The queue is full, or the server is stopping."""


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
        self._queue = RequestQueue()
        self._together = 1
        self._ended = False
        self.counts = CallCounts()

    def submit(self, texts: Sequence[str]) -> "Future[Answer]":
        """Return a prediction for each text in order, or the BadRecordError of a text on which the model fails.

        Raises BusyError.
        """
        request = Request(texts)
        with self._changed:
            if self._ended or not self._queue.add(request):
                raise BusyError
            self._changed.notify()
        return request.answer

    @property
    def waiting_texts(self) -> int:
        """Texts in the queue."""
        return self._queue.texts

    def run(self, stop: StopRequest) -> None:
        """Answer requests until the flag is set. Raises FatalError if the model is broken."""
        try:
            while not stop.is_set():
                if call := self._take():
                    self._answer(call)
        finally:
            self._end()

    def _take(self) -> list[CallPart]:
        """Return the texts of the next call; nothing if no request arrives in STOP_CHECK_S."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._queue), STOP_CHECK_S):
                return []
            self._changed.wait_for(lambda: len(self._queue) >= self._together or self._queue.fills_a_call, GATHER_S)
            call = self._queue.take_call()
            self._together = len({id(part.request) for part in call})
        return call

    def _answer(self, call: Sequence[CallPart]) -> None:
        texts = [text for part in call for text in part.texts]
        try:
            predictions = iter(classify_each(self._classifier.classify, self._classifier.probe, texts))
        except FatalError as error:
            for part in call:
                _fail(part.request, error)
            raise
        self.counts = CallCounts(self.counts.model_calls + 1, self.counts.texts + len(texts))
        for part in call:
            request = part.request
            request.predictions += [next(predictions) for _ in part.texts]
            complete = len(request.predictions) == len(request.texts)
            if complete and request.answer.set_running_or_notify_cancel():
                request.answer.set_result(request.predictions)

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            left = self._queue.take_all()
        for request in left:
            _fail(request, FatalError("the page's server is stopping", ExitCode.OK))


def _fail(request: Request, error: FatalError) -> None:
    """Answer with the error, unless the request was answered or given up before."""
    if not request.answer.done() and request.answer.set_running_or_notify_cancel():
        request.answer.set_exception(error)
