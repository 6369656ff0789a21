"""Fixtures and rules for all tests: real servers, workers that never outlive their test, no silent skips."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

import pytest

_TEST_PROCESS = os.environ.get("PYTEST_XDIST_WORKER")
"""The name of this process among those of pytest-xdist; None where all tests run in one process."""

if _TEST_PROCESS:
    # Before torch is imported: several processes with as many threads as cores each would wait for each other.
    os.environ["OMP_NUM_THREADS"] = "1"

pytest.register_assert_rewrite(
    "tests.servers",
    "tests.local.processes",
    "tests.dashboard.page_process",
    "tests.stream.verifier",
    "tests.stream.programs",
    "tests.stream.dead_letters",
    "tests.chaos.peer_run",
)

from tests.servers import ApacheStack, EmbeddedStack, Stack, WorkerProcess, kafka_home, running_stack  # noqa: E402

_WORKERS = pytest.StashKey[list[WorkerProcess]]()
_FAIL_ON_SKIP = "--fail-on-skip"


@pytest.fixture(scope="session")
def embedded_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start the embedded Kafka and Redis."""
    with running_stack(EmbeddedStack(tmp_path_factory.mktemp("embedded"))) as stack:
        yield stack


@pytest.fixture(scope="session")
def apache_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheStack]:
    """Start a real Apache Kafka and a redis-server. Skips without KAFKA_HOME; fails where KAFKA_HOME cannot be used."""
    with running_stack(ApacheStack(tmp_path_factory.mktemp("apache"), kafka_home())) as stack:
        yield stack


@pytest.fixture(scope="session", params=["embedded", pytest.param("apache", marks=pytest.mark.apache)])
def stack(request: pytest.FixtureRequest) -> Stack:
    """Each kind of servers in turn: a test that asks for this runs on both."""
    running: Stack = request.getfixturevalue(f"{request.param}_stack")
    return running


@pytest.fixture
def start_worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers that end with the test at the latest; their logs are shown if it fails."""
    workers: list[WorkerProcess] = request.node.stash.setdefault(_WORKERS, [])

    def start(env: Mapping[str, str], *options: str, module: str = "worker") -> WorkerProcess:
        workers.append(WorkerProcess(env, tmp_path, *options, module=module))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(_FAIL_ON_SKIP, action="store_true", help="end with a failure if any test was skipped")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "apache: runs on a real Apache Kafka and redis-server (KAFKA_HOME)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers by the fixtures that it asks for."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & {"stack", "embedded_stack", "apache_stack"}:
            item.add_marker("servers")
        if fixtures & {"apache_stack", "secured_stack"}:
            item.add_marker("apache")
    if _TEST_PROCESS:
        _order_for_several_processes(items)


def _order_for_several_processes(items: list[pytest.Item]) -> None:
    """Put files with slow tests first: a long one that started last would keep one process busy by itself."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the workers' logs to a failed test's report."""
    report = yield
    if report.failed:
        report.sections += [(f"log of worker {worker.pid}", worker.log) for worker in item.stash.get(_WORKERS, [])]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With --fail-on-skip a skipped test fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption(_FAIL_ON_SKIP):
        return
    if skipped := len(reporter.stats.get("skipped", [])):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line(f"\n{skipped} skipped, which {_FAIL_ON_SKIP} forbids")
