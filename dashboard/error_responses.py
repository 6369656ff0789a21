"""Every error response is one JSON object with one sentence."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dashboard.api_models import BODY_MAX_BYTES
from dashboard.batcher import BusyError
from dashboard.refusals import RefusedError
from dashboard.request_queue import QUEUE_MAX_CHARS, QUEUE_MAX_TEXTS
from worker.errors import FatalError

RETRY_AFTER: Final = {"Retry-After": "1"}
"""The shortest time that the header Retry-After can name; the model empties a full queue within seconds."""

NAME_MAX_CHARS: Final = 100
"""Characters of an unknown field's name that a sentence repeats."""

TOO_LARGE: Final = f"the body is larger than {BODY_MAX_BYTES} bytes"


def add_error_handlers(app: FastAPI) -> None:
    """Make the app answer every error with `error_response`; handlers that are not `async` would wait for a thread."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(BusyError, _busy)
    app.add_exception_handler(FatalError, _stopping)
    app.add_exception_handler(Exception, _bug)


def error_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the one shape of an error."""
    return JSONResponse({"error": sentence}, status, headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    if first.get("type") == "json_invalid":
        return error_response(400, f"the body is not JSON: {_lower(str(first['ctx']['error']))}")
    return error_response(422, _sentence(first))


def _sentence(first: Mapping[str, Any]) -> str:
    _, *place = first["loc"]
    kind, details = first["type"], first.get("ctx", {})
    message = _lower(str(first["msg"]).removeprefix("Value error, "))
    if not place:
        missing = kind in ("missing", "model_attributes_type")
        return 'send a JSON object such as {"text": "so happy"}' if missing else message
    name = "".join(f"[{part}]" if isinstance(part, int) else str(part)[:NAME_MAX_CHARS] for part in place)
    known = {
        "extra_forbidden": "there is no such field",
        "too_short": "the list is empty; send at least one text",
        "too_long": f"{details.get('actual_length')} texts, at most {details.get('max_length')} are allowed",
        "string_type": "must be a string",
        "list_type": "must be a list of strings",
    }
    return f"{name}: {known.get(kind, message)}"


async def _http(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    known = {
        400: "the body cannot be read as JSON",
        404: "there is nothing under this address; see /docs",
        405: f"this address takes {(error.headers or {}).get('Allow', 'another method')} only",
        413: TOO_LARGE,
    }
    return error_response(error.status_code, known.get(error.status_code, error.detail), error.headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RefusedError):
        raise error
    return error_response(error.status, str(error), error.headers)


async def _busy(_: Request, __: Exception) -> JSONResponse:
    sentence = f"the queue is full ({QUEUE_MAX_TEXTS} texts or {QUEUE_MAX_CHARS} characters): try again in a moment"
    return error_response(503, sentence, RETRY_AFTER)


async def _stopping(_: Request, __: Exception) -> JSONResponse:
    return error_response(503, "the server is stopping: try again in a moment", RETRY_AFTER)


async def _bug(_: Request, __: Exception) -> JSONResponse:
    return error_response(500, "unexpected error, a bug; the log of the live page has the traceback")


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
