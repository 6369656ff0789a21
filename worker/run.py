"""`python -m worker`: builds the parts, starts them in order, runs the loop, and stops them in order."""

import importlib.metadata
import logging
from types import FrameType

from worker.classifier import Classifier, load_classifier
from worker.counts import note_fits
from worker.errors import ExitCode, Fatal, PassingFault
from worker.health import HealthServer
from worker.kafka_client import check_crc32c, wait_until_reachable
from worker.labelling import Labeller, Output
from worker.logs import configure_logging
from worker.loop import Loop
from worker.metrics import Metrics
from worker.redis_counts import RedisCounts
from worker.settings import Settings, load_settings
from worker.stop import StopFlag
from worker.stream import KafkaStream
from worker.teller import CountTeller
from worker.topics import Topics
from worker.watchdog import Watchdog

log = logging.getLogger(__name__)

SHUTDOWN_LIMIT_S = 9.0
LAST_WORDS_LIMIT_S = 2.0


def run() -> int:
    """Runs the worker until SIGTERM or SIGINT; returns OK then, or the code of what ended it."""
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    stop = Stop()
    try:
        return _run(settings, stop)
    except Fatal as error:
        log.critical("%s", error)
        return error.exit_code
    except PassingFault as error:  # the loop outlives these; at the start they end it
        log.critical("Kafka at %s failed at the start: %s", settings.kafka_bootstrap_servers, error)
        return ExitCode.KAFKA
    except Exception:
        log.critical("an error nobody foresaw; what is not committed will be processed again", exc_info=True)
        return ExitCode.BUG


class Stop(StopFlag):
    """From the first signal on, the worker drains within a limit."""

    def __init__(self) -> None:
        super().__init__()
        self.watchdog = Watchdog()
        self.listen()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.is_set():
            self.watchdog.finish_within(SHUTDOWN_LIMIT_S)
        super()._on_signal(number, frame)


def _run(settings: Settings, stop: Stop) -> int:
    log.info("%s", settings.redacted())
    check_crc32c()
    metrics = Metrics()
    loop: Loop | None = None
    health = HealthServer(
        settings.metrics_host,
        settings.metrics_port,
        registry=metrics.registry,
        overdue=stop.watchdog.overdue,
        ready=lambda: loop is not None and loop.ready,
        on_death=stop.on_death,
    )
    health.start()
    log.info("metrics on http://%s:%d/metrics", settings.metrics_host, health.port)
    stop.watchdog.start()

    store = RedisCounts.of(settings)
    classifier = _load_classifier(settings, metrics)
    wait_until_reachable(settings, stop)
    if stop.is_set():
        return ExitCode.OK
    max_record_bytes = Topics(settings).check()
    teller = CountTeller(store, metrics, stop.on_death)
    stream = KafkaStream(settings, max_record_bytes=max_record_bytes, watchdog=stop.watchdog)
    try:
        output = Output(settings.kafka_output_topic, settings.kafka_dead_letter_topic, max_record_bytes)
        loop = Loop(
            stream,
            Labeller(classifier, output, metrics, tweet_max_chars=settings.tweet_max_chars),
            teller,
            metrics=metrics,
            watchdog=stop.watchdog,
            batch_max_tweets=settings.batch_max_tweets,
            batch_max_wait_s=settings.batch_max_wait_ms / 1000,
        )
        teller.start()
        log.info("consuming %s", settings.kafka_input_topic)
        loop.run(stop)
    finally:
        log.info("stopping")
        stop.watchdog.finish_within(SHUTDOWN_LIMIT_S)
        stream.close()
        teller.close(LAST_WORDS_LIMIT_S)
        health.close()
    if stop.death is not None:
        raise stop.death
    return ExitCode.OK


def _load_classifier(settings: Settings, metrics: Metrics) -> Classifier:
    classifier = load_classifier(
        settings.model_path, device=settings.device, max_tokens=settings.batch_max_tokens, metrics=metrics
    )
    if not note_fits(classifier.labels):
        raise Fatal(
            f"MODEL_PATH={settings.model_path}: {len(classifier.labels)} labels with these names do not fit into the "
            "4 KB note of a committed offset; use fewer or shorter ones",
            ExitCode.MODEL,
        )
    metrics.show_zeros(classifier.labels)
    version = importlib.metadata.version("emotion-stream")
    metrics.build_info.labels(version, classifier.model_id, classifier.engine.device, classifier.engine.name).set(1)
    log.info("model %s on %s (%s)", classifier.model_id, classifier.engine.device, classifier.engine.name)
    return classifier
