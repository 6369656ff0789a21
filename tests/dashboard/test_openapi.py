"""The server answers as its own OpenAPI description describes, with every request that schemathesis derives from it."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.dashboard.page_process import PageProcess
from tests.servers import Stack, eventually, unique_topics

pytestmark = pytest.mark.slow

REQUESTS: Final = 40
"""Requests of each kind to each path: seconds on two cores."""

REQUESTED: Final = (
    ("post", "/classify", GenerationMode.POSITIVE),
    ("post", "/classify", GenerationMode.NEGATIVE),
    ("post", "/explain", GenerationMode.POSITIVE),
    ("post", "/explain", GenerationMode.NEGATIVE),
    ("get", "/series", GenerationMode.POSITIVE),
    ("get", "/series", GenerationMode.NEGATIVE),
    ("get", "/surest", GenerationMode.POSITIVE),
    ("get", "/surest", GenerationMode.NEGATIVE),
    ("get", "/topics", GenerationMode.POSITIVE),  # without a parameter there is no wrong request
    ("get", "/hashtags", GenerationMode.POSITIVE),
    ("get", "/stats", GenerationMode.POSITIVE),
)
ANSWER_S: Final = 30.0
CHECKS: Final = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
)
"""Not that each text is classified: the description cannot say which characters are blank."""


@pytest.fixture(scope="module")
def described(embedded_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the description of a page's server that ends with the tests; its Kafka and Redis are empty."""
    server = PageProcess(unique_topics(embedded_stack, 1), tmp_path_factory.mktemp("page"))
    try:
        for path in ("/topics", "/hashtags"):
            eventually(lambda: server.ask("GET", path)[0] == 200, ANSWER_S, f"{path} is answered")  # noqa: B023
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
    finally:
        server.kill()
    assert "Traceback" not in server.log


@pytest.mark.parametrize(("method", "path", "mode"), REQUESTED)
def test_every_answer_is_one_that_the_description_allows(
    described: Any, method: str, path: str, mode: GenerationMode
) -> None:
    operation = described[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=REQUESTS, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def send(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=ANSWER_S)

    send()


def test_every_operation_is_tried_but_the_stream_that_never_ends(described: Any) -> None:
    operations = {(each.ok().method, each.ok().path) for each in described.get_all_operations()}
    assert operations == {(method, path) for method, path, _ in REQUESTED} | {("get", "/events")}
