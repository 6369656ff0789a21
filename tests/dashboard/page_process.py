"""A `python -m dashboard` in a process of its own, and a client of its events."""

import http.client
import json
import os
import re
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from deploy.local.children import Child
from tests.servers import eventually

START_S: Final = 90.0
_ANSWER_S: Final = 15.0

NO_SERVERS: Final = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1/0"}
"""Addresses without a Kafka and a Redis: the page classifies texts without them."""


class PageProcess:
    """A server on the given port, by default on any free port."""

    def __init__(self, environment: Mapping[str, str], folder: Path, *, port: int = 0) -> None:
        self._child = Child(
            "dashboard",
            [sys.executable, "-m", "dashboard"],
            env={**os.environ, **environment, "DASHBOARD_HOST": "127.0.0.1", "DASHBOARD_PORT": str(port)},
            log=folder / f"dashboard-{uuid.uuid4().hex[:8]}.log",
            stop_s=10,
        )
        self.port = eventually(self._logged_port, START_S, "the log names the port")

    def _logged_port(self) -> int:
        """Return 0 until the log names the port."""
        self._child.check()
        found = re.search(r"live page on http://127\.0\.0\.1:(\d+)(?:/|$)", self.log, re.MULTILINE)
        return int(found[1]) if found else 0

    @property
    def log(self) -> str:
        """Everything that the server has written to stdout and stderr."""
        return self._child.log.read_text(encoding="utf-8", errors="replace")

    @property
    def exit_code(self) -> int | None:
        """None while the server runs."""
        return self._child.exit_code

    def ask(self, method: str, path: str, content: Any = None) -> tuple[int, str]:
        """Return status and body of a response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_S)
        try:
            body = None if content is None else json.dumps(content)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    @contextmanager
    def events(self) -> Iterator[Iterator[tuple[str, Any]]]:
        """Yield name and content of each event, until the server closes the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_S)
        try:
            connection.request("GET", "/events")
            response = connection.getresponse()
            assert response.getheader("Content-Type", "").startswith("text/event-stream")
            yield _events(response)
        finally:
            connection.close()

    def wait_for_state(self, holds: Callable[[dict[str, Any]], bool], deadline_s: float, what: str) -> dict[str, Any]:
        """Return the first state event for which `holds` is true; `what` describes the condition."""
        ends_at_s = time.monotonic() + deadline_s
        state: dict[str, Any] = {}
        with self.events() as events:
            for name, content in events:
                state = content if name == "state" else state
                if name == "state" and holds(state):
                    return state
                assert time.monotonic() < ends_at_s, f"within {deadline_s:g} s not true: {what}; the last was {state}"
        raise AssertionError(f"the events ended before this was true: {what}")

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._child.terminate()

    def kill(self) -> None:
        """Send SIGKILL and wait for the end of the process."""
        self._child.kill()
        eventually(lambda: self.exit_code is not None, 5, "the server has ended")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the process inside the block: its connections stay open, and nothing answers."""
        os.killpg(self._child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._child.pid, signal.SIGCONT)


class StartPage(Protocol):
    """The fixture `start_page`."""

    def __call__(self, environment: Mapping[str, str], *, port: int = 0) -> PageProcess:
        """Start a page's server that ends with the test at the latest."""


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in response:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
