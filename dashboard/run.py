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
from dashboard.events import Events
from dashboard.guard import Guard
from dashboard.kafka_watch import KafkaWatch
from dashboard.redis_watch import RedisWatch
from dashboard.settings import DashboardSettings, load_dashboard_settings
from dashboard.stream_statistics import BUCKET_S, StreamStatistics
from dashboard.thread_watch import ThreadWatch
from tweets.colours import colours
from worker.errors import ExitCode, FatalError
from worker.inference.classifier import Classifier, load_classifier
from worker.kafka.reachable import check_crc32c
from worker.process.logs import configure_logging
from worker.process.stop import StopFlag
from worker.redis.store import CountsStore

log = logging.getLogger(__name__)

STOP_CHECK_S: Final = 0.1
"""Seconds of one wait for the stop flag; a signal or the failure of a thread ends the wait at once."""

BACKLOG: Final = 512
"""Connections that may wait to be accepted: more than a burst of the largest load test opens."""

WEB_STOP_S: Final = 1
"""Seconds that open requests get to finish after the stop flag is set."""

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
    listener = _listen(settings)
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
    watches = {
        "kafka": kafka.run,
        "redis": RedisWatch(store, board, classifier.emotions, stop).run,
        "classifier": lambda: batcher.run(stop),
    }
    events = Events(board, _hello(settings, classifier), stop)
    app = make_app(batcher, events, model=classifier.model_id, tweet_max_chars=settings.tweet_max_chars)
    server = _server(Guard(app, settings.allowed_hosts))
    log.info("live page on http://%s:%d", settings.dashboard_host, listener.getsockname()[1])
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
    _wait_for([web], 2 * WEB_STOP_S)
    _wait_for(watching, WATCHES_STOP_S)


def _listen(settings: DashboardSettings) -> socket.socket:
    host, port = settings.dashboard_host, settings.dashboard_port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)[0]
        # asyncio sets TCP_NODELAY only for IPPROTO_TCP; without TCP_NODELAY small responses are 40 ms late.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise FatalError(
            f"DASHBOARD_HOST={host} DASHBOARD_PORT={port}: cannot listen there ({error.strerror}); "
            "choose another host or port, or port 0 for any free port",
            ExitCode.SETTINGS,
        ) from None
    return listener


def _server(app: Guard) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            http="h11",
            lifespan="off",
            log_config=None,
            log_level="warning",
            loop="asyncio",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=WEB_STOP_S,
            ws="none",
        )
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
