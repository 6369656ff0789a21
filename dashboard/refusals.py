"""Requests that the page's server refuses, and the check of each text before the model sees the text."""

from collections.abc import Mapping, Sequence

from tweets.reasons import BadRecordError
from tweets.tweet import checked_text


class RefusedError(Exception):
    """The server cannot answer this request; `status` and `headers` are those of the response."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


def checked_texts(texts: Sequence[str], *, max_chars: int, many: bool) -> list[str]:
    """Return the texts as a worker classifies them.

    `many` means that the request has a list of texts. Raises RefusedError for a text that would be a dead letter.
    """
    checked = []
    for number, text in enumerate(texts):
        try:
            checked.append(checked_text(text, max_chars=max_chars))
        except BadRecordError as error:
            raise refusal(error, number, many=many) from None
    return checked


def refusal(error: BadRecordError, number: int, *, many: bool) -> RefusedError:
    """Return the error for the text with this number in the request."""
    name = f"texts[{number}]" if many else "text"
    failed = error.reason == "classifier_failed"
    return RefusedError(422, f"{name}: {'the model fails on this text' if failed else error.detail}")
