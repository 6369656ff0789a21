"""The Kafka with logins and permissions, which takes seconds to start."""

from collections.abc import Iterator

import pytest

from tests.servers import kafka_home, running_stack
from tests.stream.secured import SecuredStack


@pytest.fixture(scope="session")
def secured_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredStack]:
    with running_stack(SecuredStack(tmp_path_factory.mktemp("secured"), kafka_home())) as stack:
        yield stack
