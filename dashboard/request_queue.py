"""Requests that wait for the classifier, and what one call of the model takes of them. Pure: no thread, no clock.

A call is bounded by texts and by characters, so a long request takes several calls. Half of each call is for the oldest
request, which therefore always proceeds. The rest is for the requests with the fewest characters left, so that a short
request waits for one call at most, whatever else waits.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from tweets.prediction import Prediction
from tweets.reasons import BadRecordError

QUEUE_MAX_TEXTS: Final = 4_000
"""Texts in the queue: the last of them waits for seconds on a CPU; a client whose request is refused can retry."""

QUEUE_MAX_CHARS: Final = 512 * 1024
"""Characters in the queue: QUEUE_MAX_TEXTS of a tweet's length, or two of the largest requests."""

CALL_MAX_TEXTS: Final = 100
"""Texts in one call of the model: more texts in a call gain little throughput, and a short request waits longer."""

CALL_MAX_CHARS: Final = 8 * 1024
"""Characters in one call, CALL_MAX_TEXTS of a tweet's length: a quarter of a second to one second on two cores."""

TEXT_MAX_CHARS: Final = CALL_MAX_CHARS // 2
"""A longer text counts as so many characters: a model of 128 tokens reads no more (`normalizer.CHARS_PER_TOKEN`)."""

Answer = list[Prediction | BadRecordError]


@dataclass(slots=True, eq=False)
class Request:
    """Texts, and the answer to their sender; the predictions arrive in the order of the texts, call by call."""

    texts: Sequence[str]
    answer: "Future[Answer]" = field(default_factory=Future)
    predictions: Answer = field(default_factory=list)
    taken: int = 0
    """Texts that a call has taken, from the first on."""
    waiting_chars: int = 0
    """Characters of the other texts."""

    def __post_init__(self) -> None:
        """Count the characters."""
        self.waiting_chars = sum(map(_chars, self.texts))

    @property
    def waiting_texts(self) -> int:
        """Texts that no call has taken yet."""
        return len(self.texts) - self.taken


@dataclass(frozen=True, slots=True)
class CallPart:
    """The texts that a call takes of one request."""

    request: Request
    texts: Sequence[str]


class RequestQueue:
    """Requests in the order of their arrival; not thread-safe."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self.texts = 0
        """Texts that wait."""
        self.chars = 0
        """Characters that wait."""

    def __len__(self) -> int:
        """Return the number of requests of which a text waits."""
        return len(self._requests)

    @property
    def fills_a_call(self) -> bool:
        """Whether one call of the model cannot take everything that waits."""
        return self.texts >= CALL_MAX_TEXTS or self.chars >= CALL_MAX_CHARS

    def add(self, request: Request) -> bool:
        """Return whether the queue has room for the request, and keep it if so."""
        if self.texts + request.waiting_texts > QUEUE_MAX_TEXTS or self.chars + request.waiting_chars > QUEUE_MAX_CHARS:
            return False
        self._requests.append(request)
        self.texts += request.waiting_texts
        self.chars += request.waiting_chars
        return True

    def take_call(self) -> list[CallPart]:
        """Remove and return the texts of the next call, at least one; requests that were given up are dropped."""
        self._keep([request for request in self._requests if not request.answer.cancelled()])
        call = _Call()
        if self._requests:
            call.take(self._requests[0], CALL_MAX_TEXTS // 2, CALL_MAX_CHARS // 2)
        for request in sorted(self._requests, key=lambda each: each.waiting_chars):
            call.take(request, CALL_MAX_TEXTS, CALL_MAX_CHARS)
        self._keep([request for request in self._requests if request.waiting_texts])
        return call.parts

    def take_all(self) -> list[Request]:
        """Remove and return every request of which a text waits."""
        requests = self._requests
        self._keep([])
        return requests

    def _keep(self, requests: list[Request]) -> None:
        self._requests = requests
        self.texts = sum(request.waiting_texts for request in requests)
        self.chars = sum(request.waiting_chars for request in requests)


class _Call:
    """The parts of a call while the call is put together."""

    def __init__(self) -> None:
        self.parts: list[CallPart] = []
        self._texts = 0
        self._chars = 0

    def take(self, request: Request, max_texts: int, max_chars: int) -> None:
        """Take texts of the request until the call would have more than `max_texts` or `max_chars`."""
        first = request.taken
        while request.waiting_texts:
            chars = _chars(request.texts[request.taken])
            if self._texts >= max_texts or self._chars + chars > max_chars:
                break
            request.taken += 1
            request.waiting_chars -= chars
            self._texts += 1
            self._chars += chars
        if request.taken > first:
            self.parts.append(CallPart(request, request.texts[first : request.taken]))


def _chars(text: str) -> int:
    return min(len(text), TEXT_MAX_CHARS)
