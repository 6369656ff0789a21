"""`python -m dashboard`: makes the parts, starts a thread for each, waits for the stop flag, and stops in order."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import uvicorn

from dashboard.app import make_app
from dashboard.batcher import Batcher
from dashboard.board import Board
from dashboard.events import VIEWERS_MAX, Events
from dashboard.guard import Guard
from dashboard.kafka_watch import KafkaWatch
from dashboard.over_time import OverTime
from dashboard.redis_watch import RedisWatch
from dashboard.root_path import RootPath
from dashboard.settings import DashboardSettings, load_dashboard_settings
from dashboard.stream_statistics import BUCKET_S, StreamStatistics
from dashboard.surest_reader import SurestReader
from dashboard.thread_watch import ThreadWatch
from dashboard.unread_body import UnreadBody
from dashboard.web_server import (
    BACKLOG,
    CONNECTIONS_MAX,
    DESCRIPTORS_EACH,
    STOP_S,
    questions_max,
    requests_max,
    web_server,
)
from tweets.colours import colours
from worker.errors import ExitCode, FatalError
from worker.inference.classifier import Classifier, load_classifier
from worker.kafka.reachable import check_crc32c
from worker.process.connections import allowed_connections, listening_socket
from worker.process.logs import configure_logging
from worker.process.stop import StopFlag
from worker.redis.series_store import SeriesStore
from worker.redis.store import CountsStore

log = logging.getLogger(__name__)

STOP_CHECK_S: Final = 0.1
"""Seconds of one wait for the stop flag; a signal or the failure of a thread ends the wait at once."""

WATCHES_STOP_S: Final = 0.5
"""Seconds that the other threads get after the web server; nothing is lost if a thread needs longer."""


def run() -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code."""
    settings = load_dashboard_settings()
    configure_logging(settings.log_level, settings.log_format)
    # KafkaWatch logs a failure once; the client would repeat it every second, with a traceback.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        return _run(settings)
    except FatalError as error:
        log.critical("%s", error)
        return error.exit_code
    except Exception:
        log.critical("unexpected error, a bug", exc_info=True)
        return ExitCode.BUG


def _run(settings: DashboardSettings) -> int:
    log.info("%s", settings.redacted())
    check_crc32c()
    host, root_path = settings.dashboard_host, settings.dashboard_root_path
    listener = listening_socket(host, settings.dashboard_port, settings="DASHBOARD", backlog=BACKLOG)
    store = CountsStore.of(settings)
    classifier = load_classifier(
        settings.model_path,
        device=settings.device,
        max_tokens=settings.batch_max_tokens,
        neutral_threshold=settings.neutral_threshold,
    )
    log.info("model %s on %s (%s)", classifier.model_id, classifier.engine.device, classifier.engine.name)
    stop = StopFlag()
    stop.listen()
    board, batcher = Board(), Batcher(classifier)
    kafka = KafkaWatch(settings, board, StreamStatistics(classifier.emotions, time.time), stop)
    connections_max = allowed_connections(CONNECTIONS_MAX, descriptors_each=DESCRIPTORS_EACH)
    over_time = _over_time(settings, board, stop, connections_max)
    watches = {
        "kafka": kafka.run,
        "redis": RedisWatch(store, board, classifier.emotions, stop, series=SeriesStore.of(settings)).run,
        "classifier": lambda: batcher.run(stop),
        "series": lambda: over_time.read_series(stop),
        "surest": lambda: over_time.surest_queue.run(stop),
    }
    viewers_max = min(VIEWERS_MAX, connections_max // 2)
    events = Events(board, _hello(settings, classifier), stop, viewers_max=viewers_max)
    app = make_app(
        batcher,
        events,
        over_time,
        model=classifier.model_id,
        tweet_max_chars=settings.tweet_max_chars,
        requests_max=requests_max(connections_max, viewers_max),
    )
    guarded = UnreadBody(Guard(RootPath(app, root_path), settings.allowed_hosts))
    server = web_server(guarded, connections_max=connections_max)
    log.info("live page on http://%s:%d%s", host, listener.getsockname()[1], root_path and f"{root_path}/")
    _work_until(stop, watches, server, listener)
    if stop.failure is not None:
        raise stop.failure
    return ExitCode.OK


def _work_until(
    stop: StopFlag, watches: Mapping[str, Callable[[], None]], server: uvicorn.Server, listener: socket.socket
) -> None:
    """Run each part in its own thread until the flag is set; then stop the web server first."""
    threads = ThreadWatch(stop)
    watching = [threads.start(name, work) for name, work in watches.items()]
    web = threads.start("web", lambda: server.run([listener]))
    while not stop.wait(STOP_CHECK_S):
        pass
    log.info("stopping")
    server.should_exit = True
    _wait_for([web], 2 * STOP_S)
    _wait_for(watching, WATCHES_STOP_S)


def _over_time(settings: DashboardSettings, board: Board, stop: StopFlag, connections_max: int) -> OverTime:
    series_max, surest_max = questions_max(connections_max)
    return OverTime(
        board,
        SeriesStore.of(settings),
        SurestReader(settings, stop),
        series_max=series_max,
        surest_max=surest_max,
    )


def _hello(settings: DashboardSettings, classifier: Classifier) -> dict[str, Any]:
    """Return what a page is sent once, at the start."""
    return {
        "labels": list(classifier.emotions),
        "colours": colours(classifier.emotions),
        "model": classifier.model_id,
        "bucket_s": BUCKET_S,
        "input_topic": settings.kafka_input_topic,
        "output_topic": settings.kafka_output_topic,
    }


def _wait_for(threads: list[threading.Thread], limit_s: float) -> None:
    ends_at_s = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, ends_at_s - time.monotonic()))
