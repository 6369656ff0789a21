"""The addresses of emotion over time: what their parameters and answers are called in the OpenAPI description."""

from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse, Response

from dashboard.api_models import (
    ErrorResponse,
    HashtagsResponse,
    SeriesQuery,
    SeriesResponse,
    SurestQuery,
    SurestResponse,
    TopicsResponse,
)
from dashboard.over_time import OverTime

_Responses = dict[int | str, dict[str, Any]]
_SILENT: Final[_Responses] = {
    503: {
        "model": ErrorResponse,
        "description": "Redis or Kafka does not answer, or too many requests wait; retry after the seconds in "
        "Retry-After",
    },
}
_ASKED: Final[_Responses] = _SILENT | {
    404: {"model": ErrorResponse, "description": "No tweet topic of this name is counted"},
    422: {"model": ErrorResponse, "description": "A parameter is missing or wrong, or too many periods are asked for"},
}


def add_over_time(app: FastAPI, over_time: OverTime) -> None:
    """Add the four addresses to the app."""

    @app.head("/series", include_in_schema=False)
    @app.get(
        "/series",
        response_model=SeriesResponse,
        responses=_ASKED,
        summary="How many tweets got each emotion, period by period",
    )
    async def series(asked: Annotated[SeriesQuery, Query()]) -> Response:
        return JSONResponse(await over_time.series(asked.topic, asked.step, asked.first, asked.end))

    @app.get(
        "/surest",
        response_model=SurestResponse,
        responses=_ASKED,
        summary="The five tweets of a minute that the model was surest of",
    )
    async def surest(asked: Annotated[SurestQuery, Query()]) -> Response:
        return JSONResponse(await over_time.surest(asked.minute, asked.topic))

    @app.head("/topics", include_in_schema=False)
    @app.get("/topics", response_model=TopicsResponse, responses=_SILENT, summary="The tweet topics that are counted")
    async def topics() -> Response:
        return JSONResponse(over_time.topics())

    @app.head("/hashtags", include_in_schema=False)
    @app.get(
        "/hashtags",
        response_model=HashtagsResponse,
        responses=_SILENT,
        summary="The hashtags of the last hour that rise most, approximately",
    )
    async def hashtags() -> Response:
        return JSONResponse(over_time.hashtags())
