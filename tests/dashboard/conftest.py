"""Page servers that end with their test."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.dashboard.page_process import PageProcess, StartPage


@pytest.fixture
def start_page(tmp_path: Path) -> Iterator[StartPage]:
    """Start pages' servers that end with the test at the latest; port 0 is any free port."""
    servers: list[PageProcess] = []

    def start(environment: Mapping[str, str], *, port: int = 0) -> PageProcess:
        servers.append(PageProcess(environment, tmp_path, port=port))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
