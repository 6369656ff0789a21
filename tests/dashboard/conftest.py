"""Page servers that never outlive their test."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.dashboard.page_process import PageProcess, StartPage


@pytest.fixture
def start_page(tmp_path: Path) -> Iterator[StartPage]:
    """Starts pages' servers that end with the test at the latest; port 0 is a free one."""
    servers: list[PageProcess] = []

    def start(environment: Mapping[str, str], *, port: int = 0) -> PageProcess:
        servers.append(PageProcess(environment, tmp_path, port=port))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
