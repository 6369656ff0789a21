"""The server answers as its own OpenAPI description says, whatever schemathesis makes of the description."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.dashboard.page_process import NO_SERVERS, PageProcess

pytestmark = pytest.mark.slow

REQUESTS: Final = 40
"""Requests of each kind to each path: seconds on two cores."""

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
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The description of a page's server that ends with the tests."""
    server = PageProcess(NO_SERVERS, tmp_path_factory.mktemp("page"))
    try:
        # /events never ends; test_events.py reads it.
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json").exclude(path="/events")
    finally:
        server.kill()
    assert "Traceback" not in server.log


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(
    max_examples=REQUESTS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_description_allows(case: Any) -> None:
    case.call_and_validate(checks=CHECKS, timeout=ANSWER_S)
