"""The web app with a fake classifier: in memory, and as a web server in a thread."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, cast

import psutil
from starlette.testclient import TestClient

from dashboard.app import make_app
from dashboard.batcher import Batcher
from dashboard.board import Board
from dashboard.events import VIEWERS_MAX, Events
from dashboard.guard import Guard
from dashboard.over_time import OverTime
from dashboard.surest_reader import SurestReader, SurestTweets
from dashboard.unread_body import UnreadBody
from dashboard.web_server import BACKLOG, CONNECTIONS_MAX, requests_max, web_server
from tests.fakes import FakeClassifier
from tweets.periods import Period
from worker.process.connections import listening_socket
from worker.redis.series_store import SeriesStore

MAX_CHARS = 200
SEEN_S = 20.0
PREFIX = "{page}"
NOW_S = 1_778_000_030.0
"""The clock of the questions about time: 2026-05-05T16:53:50Z."""

QUESTIONS_MAX = 3
"""Requests for a series, and as many searches, that may wait."""

JSON = {"Content-Type": "application/json"}


class FakeSurest:
    """Finds nothing, once `may_answer` is set; raises `failure` where there is one."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.failure: Exception | None = None
        self.asked: list[tuple[Period, str]] = []

    def find(self, minute: Period, subject: str) -> SurestTweets:
        self.asked.append((minute, subject))
        self.may_answer.wait(SEEN_S)
        if self.failure is not None:
            raise self.failure
        return SurestTweets(minute, subject, (), matching=0, read=7, stopped="records", until_ms=minute.end_ms)


class RunningApp:
    """The app, its batcher and its model; `client` gets a response with status 500 instead of the app's exception."""

    def __init__(
        self,
        viewers_max: int = VIEWERS_MAX,
        connections_max: int = CONNECTIONS_MAX,
        redis_url: str = "redis://127.0.0.1:1/0",
    ) -> None:
        self.connections_max = connections_max
        self.requests_max = requests_max(connections_max, viewers_max)
        self.model = FakeClassifier()
        self.stop = threading.Event()
        self.batcher = Batcher(self.model)
        self.owner = threading.Thread(target=self.batcher.run, args=(self.stop,))
        self.board = Board()
        self.surest = FakeSurest()
        self.over_time = OverTime(
            self.board,
            SeriesStore(redis_url, prefix=PREFIX),
            cast(SurestReader, self.surest),
            series_max=QUESTIONS_MAX,
            surest_max=QUESTIONS_MAX,
            clock=lambda: NOW_S,
        )
        events = Events(self.board, {"labels": []}, self.stop, viewers_max=viewers_max)
        app = make_app(
            self.batcher,
            events,
            self.over_time,
            model="fake-1",
            tweet_max_chars=MAX_CHARS,
            requests_max=self.requests_max,
        )
        self.guarded = UnreadBody(Guard(app, frozenset({"page.example"})))
        self.client = TestClient(self.guarded, base_url="http://localhost", raise_server_exceptions=False)

    def post(self, path: str, content: Any) -> tuple[int, Any]:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        response = self.client.post(path, content=body, headers=JSON)
        return response.status_code, response.json()

    @contextmanager
    def served(self, send_buffer: int | None = None) -> Iterator[int]:
        """Yield the port of a web server that ends with the block; `send_buffer` is that of the system, in bytes."""
        listener = listening_socket("127.0.0.1", 0, settings="DASHBOARD", backlog=BACKLOG)
        if send_buffer is not None:  # the connections inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        server = web_server(self.guarded, connections_max=self.connections_max)
        web = threading.Thread(target=server.run, args=([listener],))
        web.start()
        try:
            yield listener.getsockname()[1]
        finally:
            self.stop.set()
            server.should_exit = True
            web.join(10)


def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=SEEN_S)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read(), dict(response.headers)
    finally:
        connection.close()


def open_connections(port: int) -> int:
    """Return how many connections the server on this port holds."""
    mine = psutil.Process().net_connections("tcp")
    return sum(each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED for each in mine)


def connected(port: int, sent: bytes) -> socket.socket:
    """Return a connection on which these bytes were sent."""
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(sent)
    return client


def is_ended(client: socket.socket) -> bool:
    """Return whether the server has ended the connection; drops what the server has sent."""
    client.setblocking(False)
    try:
        while client.recv(65536):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True
