"""The web app: the page, its events, and the classifier over HTTP."""

import asyncio
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import fastapi_offline
from fastapi import Body, Depends, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles

from dashboard.api_models import (
    BODY_MAX_BYTES,
    ClassifyRequest,
    ErrorResponse,
    ExplainRequest,
    ExplainResponse,
    LabelResponse,
    LabelsResponse,
    StatsResponse,
)
from dashboard.batcher import Batcher
from dashboard.error_responses import RETRY_AFTER, add_error_handlers
from dashboard.events import Events
from dashboard.over_time import OverTime
from dashboard.over_time_routes import add_over_time
from dashboard.refusals import RefusedError, checked_texts, refusal
from dashboard.request_queue import TEXT_MAX_CHARS, Answer
from dashboard.word_effects import without_each, word_effects
from tweets.prediction import Prediction
from tweets.reasons import BadRecordError

_HERE: Final = Path(__file__).parent
_SWAGGER: Final = Path(fastapi_offline.__file__).parent / "static"
_Responses = dict[int | str, dict[str, Any]]
_ALWAYS_REFUSED: Final[_Responses] = {
    413: {"model": ErrorResponse, "description": f"The body is larger than {BODY_MAX_BYTES} bytes"},
    421: {"model": ErrorResponse, "description": "The host name is not in DASHBOARD_ALLOWED_HOSTS"},
}
_FULL: Final[_Responses] = {
    503: {"model": ErrorResponse, "description": "As many pages are open as allowed"},
}
_REFUSALS: Final[_Responses] = {
    400: {"model": ErrorResponse, "description": "The body is not JSON"},
    415: {"model": ErrorResponse, "description": "The content type is not application/json"},
    422: {"model": ErrorResponse, "description": "A field is missing or wrong, or the model cannot classify a text"},
    503: {
        "model": ErrorResponse,
        "description": "The queue is full; retry after the seconds in Retry-After",
    },
}


def make_app(
    batcher: Batcher, events: Events, over_time: OverTime, *, model: str, tweet_max_chars: int, requests_max: int
) -> FastAPI:
    """Return the app with everything under `/`; no handler blocks.

    `model` is the model's name in responses; at most `requests_max` requests wait for the classifier.
    """
    app = FastAPI(
        title="emotion-stream",
        summary="Labels texts with their emotion, with the same model as the workers.",
        version=importlib.metadata.version("emotion-stream"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name the scheme of this server and not of its proxy
        max_body_size=BODY_MAX_BYTES,
        responses=_ALWAYS_REFUSED,
    )
    add_error_handlers(app)
    _add_pages(app)
    _add_events(app, events)
    add_over_time(app, over_time)
    _add_classifier(app, _TextLabeller(batcher, model, tweet_max_chars, requests_max))

    @app.head("/stats", include_in_schema=False)
    @app.get("/stats", summary="How often the model was called")
    async def stats() -> StatsResponse:
        return StatsResponse(model_calls=batcher.counts.model_calls, texts=batcher.counts.texts)

    return app


def _add_pages(app: FastAPI) -> None:
    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_HERE / "static" / "index.html")

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(_HERE / "api" / "index.html")

    @app.api_route("/healthz", methods=["GET", "HEAD"], include_in_schema=False)
    async def health() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    app.mount("/static", StaticFiles(directory=_HERE / "static"))
    app.mount("/docs/swagger", StaticFiles(directory=_SWAGGER))
    app.mount("/docs", StaticFiles(directory=_HERE / "api"))


class _EventStream(StreamingResponse):
    """Not FastAPI's EventSourceResponse: its tasks fail with a traceback where a slow page vanishes."""

    media_type = "text/event-stream"


def _add_events(app: FastAPI, events: Events) -> None:
    @app.get(
        "/events",
        response_class=_EventStream,
        responses=_FULL,
        dependencies=[Depends(events.place)],
        summary="The figures of the live page, sent as they change",
    )
    async def stream() -> _EventStream:
        # X-Accel-Buffering: a proxy such as nginx passes each event on at once.
        return _EventStream(events.stream(), headers={"X-Accel-Buffering": "no"})


def _add_classifier(app: FastAPI, labeller: "_TextLabeller") -> None:
    rules: dict[str, Any] = {"responses": _REFUSALS, "dependencies": [Depends(_only_json)]}

    @app.post(
        "/classify",
        response_model=LabelResponse | LabelsResponse,
        summary="The emotion of one text or of several texts",
        **rules,
    )
    async def classify(body: Annotated[ClassifyRequest, Body()]) -> Response:
        if body.texts is None:
            return JSONResponse((await labeller.labels([body.text or ""], many=False))[0])
        return JSONResponse({"results": await labeller.labels(body.texts, many=True)})

    @app.post(
        "/explain",
        response_model=ExplainResponse,
        summary="The emotion of a text, and the effect of each word on the label's score",
        **rules,
    )
    async def explain(body: Annotated[ExplainRequest, Body()]) -> Response:
        return JSONResponse(await labeller.explanation(body.text))


async def _only_json(request: Request) -> None:  # FastAPI would run it in a thread without `async`
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, "the content type must be application/json")


class _TextLabeller:
    """Checks texts, passes them to the batcher and returns the JSON of the predictions."""

    def __init__(self, batcher: Batcher, model: str, tweet_max_chars: int, requests_max: int) -> None:
        self._batcher = batcher
        self._model = model
        self._tweet_max_chars = tweet_max_chars
        self._requests_max = requests_max
        self._requests = 0

    async def labels(self, texts: Sequence[str], *, many: bool) -> list[dict[str, Any]]:
        """Return a LabelResponse for each text. Raises RefusedError if a text cannot be classified."""
        checked = checked_texts(texts, max_chars=self._tweet_max_chars, many=many)
        return [self._label(prediction) for prediction in await self._predictions(checked, many=many)]

    async def explanation(self, text: str) -> dict[str, Any]:
        """Return an ExplainResponse for the first TEXT_MAX_CHARS. Raises RefusedError for an invalid text."""
        (text,) = checked_texts([text], max_chars=self._tweet_max_chars, many=False)
        whole, *without = await self._predictions([text[:TEXT_MAX_CHARS], *without_each(text)], many=False)
        return self._label(whole) | {"words": word_effects(text, whole, without)}

    def _label(self, prediction: Prediction) -> dict[str, Any]:
        return prediction.json_fields() | {"model": self._model}

    async def _predictions(self, texts: Sequence[str], *, many: bool) -> list[Prediction]:
        answers = await self._answer(texts)
        predictions = []
        for number, answer in enumerate(answers):
            if isinstance(answer, BadRecordError):
                raise refusal(answer, number, many=many)
            predictions.append(answer)
        return predictions

    async def _answer(self, texts: Sequence[str]) -> Answer:
        """Wait for the classifier. Raises RefusedError if `requests_max` requests wait: each holds its connection."""
        if self._requests >= self._requests_max:
            sentence = f"{self._requests_max} requests wait, the most allowed: try again in a moment"
            raise RefusedError(503, sentence, RETRY_AFTER)
        self._requests += 1
        try:
            return await asyncio.wrap_future(self._batcher.submit(texts))
        finally:
            self._requests -= 1
