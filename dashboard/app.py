"""The web app: the page, its events, and classify and explain for people and programs."""

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import fastapi_offline
from fastapi import Body, Depends, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles

from dashboard.batcher import Batcher
from dashboard.errors import add_error_handlers
from dashboard.events import Events
from dashboard.messages import (
    BODY_MAX_BYTES,
    Error,
    Explanation,
    OneText,
    RefusedError,
    Result,
    Results,
    Statistics,
    Texts,
    as_result,
    readable,
    unclassifiable,
)
from dashboard.words import without_each, words_with_falls
from tweets.prediction import Prediction
from tweets.reasons import BadRecordError

_HERE: Final = Path(__file__).parent
_SWAGGER: Final = Path(fastapi_offline.__file__).parent / "static"
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Error, "description": "The body is not JSON"},
    413: {"model": Error, "description": f"The body is larger than {BODY_MAX_BYTES} bytes"},
    415: {"model": Error, "description": "The content type is not application/json"},
    422: {"model": Error, "description": "The body says something that cannot be classified"},
    503: {"model": Error, "description": "Too many texts are waiting; Retry-After says when to come back"},
}


def make_app(batcher: Batcher, events: Events, *, model: str, tweet_max_chars: int) -> FastAPI:
    """Everything under `/`; nothing in it blocks."""
    app = FastAPI(
        title="emotion-stream",
        summary="Labels texts with their emotion, with the model that the workers use.",
        version=importlib.metadata.version("emotion-stream"),
        docs_url=None,
        redoc_url=None,
        max_body_size=BODY_MAX_BYTES,
    )
    add_error_handlers(app)
    _add_pages(app)
    _add_events(app, events)
    _add_classifier(app, _Desk(batcher, model, tweet_max_chars))

    @app.get("/stats", summary="How often the model was called")
    async def stats() -> Statistics:
        return Statistics(model_calls=batcher.stats.model_calls, texts=batcher.stats.texts)

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


def _add_events(app: FastAPI, events: Events) -> None:
    @app.get(
        "/events",
        response_class=EventSourceResponse,
        dependencies=[Depends(events.admit)],
        summary="What the page shows, as it changes",
    )
    async def stream() -> AsyncIterator[ServerSentEvent]:
        async for event in events.stream():
            yield event


def _add_classifier(app: FastAPI, desk: "_Desk") -> None:
    rules: dict[str, Any] = {"responses": _REFUSALS, "dependencies": [Depends(_only_json)]}

    @app.post("/classify", response_model=Result | Results, summary="The emotion of one text or of several", **rules)
    async def classify(body: Annotated[Texts, Body()]) -> Response:
        if body.texts is None:
            return JSONResponse((await desk.results([body.text or ""], many=False))[0])
        return JSONResponse({"results": await desk.results(body.texts, many=True)})

    @app.post(
        "/explain", response_model=Explanation, summary="The emotion of a text, and which words mattered", **rules
    )
    async def explain(body: Annotated[OneText, Body()]) -> Response:
        return JSONResponse(await desk.explanation(body.text))


def _only_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, "the content type must be application/json")


class _Desk:
    """Takes texts to the batcher and brings back what people are told."""

    def __init__(self, batcher: Batcher, model: str, tweet_max_chars: int) -> None:
        self._batcher = batcher
        self._model = model
        self._tweet_max_chars = tweet_max_chars

    async def results(self, texts: Sequence[str], *, many: bool) -> list[dict[str, Any]]:
        """A result for each text. Raises RefusedError if one of them cannot be classified."""
        predictions = await self._predictions(readable(texts, max_chars=self._tweet_max_chars, many=many), many=many)
        return [as_result(prediction, self._model) for prediction in predictions]

    async def explanation(self, text: str) -> dict[str, Any]:
        """A text's result and its words. Raises RefusedError if it cannot be classified."""
        (text,) = readable([text], max_chars=self._tweet_max_chars, many=False)
        whole, *without = await self._predictions([text, *without_each(text)], many=False)
        words = words_with_falls(text, whole, [each.scores for each in without])
        return as_result(whole, self._model) | {"words": words}

    async def _predictions(self, texts: Sequence[str], *, many: bool) -> list[Prediction]:
        answers = await asyncio.wrap_future(self._batcher.submit(texts))
        predictions = []
        for number, answer in enumerate(answers):
            if isinstance(answer, BadRecordError):
                raise unclassifiable(answer, f"texts[{number}]" if many else "text")
            predictions.append(answer)
        return predictions
