"""`python -m worker`: builds the parts, starts them in order, runs the loop, and stops them in order."""

import importlib.metadata
import logging

from worker import time_limits
from worker.counts import metadata_fits
from worker.errors import ExitCode, FatalError, TransientError
from worker.inference.classifier import Classifier, load_classifier
from worker.kafka.reachable import check_crc32c, wait_until_reachable
from worker.kafka.stream import KafkaStream
from worker.kafka.topics import Topics
from worker.labelling import Labeller, OutputTopics
from worker.loop import Loop
from worker.process.health import HealthServer
from worker.process.logs import configure_logging
from worker.process.metrics import Metrics
from worker.process.stop import StopFlag
from worker.process.watchdog import Watchdog
from worker.redis.publisher import CountsPublisher
from worker.redis.store import CountsStore
from worker.settings import Settings, load_settings

log = logging.getLogger(__name__)


def run() -> int:
    """Runs the worker until SIGTERM or SIGINT; returns OK then, or the code of what ended it."""
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    watchdog = Watchdog()
    stop = StopFlag(on_first=lambda: watchdog.finish_within(time_limits.SHUTDOWN.seconds))
    stop.listen()
    try:
        return _run(settings, stop, watchdog)
    except FatalError as error:
        log.critical("%s", error)
        return error.exit_code
    except TransientError as error:  # the loop outlives these; at the start they end it
        log.critical("Kafka at %s failed at the start: %s", settings.kafka_bootstrap_servers, error)
        return ExitCode.KAFKA
    except Exception:
        log.critical("an error nobody foresaw; what is not committed will be processed again", exc_info=True)
        return ExitCode.BUG


def _run(settings: Settings, stop: StopFlag, watchdog: Watchdog) -> int:
    log.info("%s", settings.redacted())
    check_crc32c()
    metrics = Metrics()
    loop: Loop | None = None
    health = HealthServer(
        settings.metrics_host,
        settings.metrics_port,
        registry=metrics.registry,
        overdue=watchdog.overdue,
        ready=lambda: loop is not None and loop.ready,
        on_death=stop.fail,
    )
    health.start()
    log.info("metrics on http://%s:%d/metrics", settings.metrics_host, health.port)
    watchdog.start()

    store = CountsStore.of(settings)
    classifier = _load_classifier(settings, metrics)
    wait_until_reachable(settings, stop)
    if stop.is_set():
        return ExitCode.OK
    max_record_bytes = Topics(settings).check()
    publisher = CountsPublisher(store, metrics, stop.fail)
    stream = KafkaStream(settings, max_record_bytes=max_record_bytes, watchdog=watchdog)
    try:
        output = OutputTopics(settings.kafka_output_topic, settings.kafka_dead_letter_topic, max_record_bytes)
        loop = Loop(
            stream,
            Labeller(classifier, output, metrics, tweet_max_chars=settings.tweet_max_chars),
            publisher,
            metrics=metrics,
            watchdog=watchdog,
            batch_max_tweets=settings.batch_max_tweets,
            batch_max_wait_s=settings.batch_max_wait_ms / 1000,
        )
        publisher.start()
        log.info("consuming %s", settings.kafka_input_topic)
        loop.run(stop)
    finally:
        log.info("stopping")
        watchdog.finish_within(time_limits.SHUTDOWN.seconds)
        stream.close()
        publisher.close(time_limits.FINAL_PUBLISH.seconds)
        health.close()
    if stop.failure is not None:
        raise stop.failure
    return ExitCode.OK


def _load_classifier(settings: Settings, metrics: Metrics) -> Classifier:
    classifier = load_classifier(
        settings.model_path, device=settings.device, max_tokens=settings.batch_max_tokens, metrics=metrics
    )
    if not metadata_fits(classifier.labels):
        raise FatalError(
            f"MODEL_PATH={settings.model_path}: {len(classifier.labels)} labels with these names do not fit into the "
            "4 KB note of a committed offset; use fewer or shorter ones",
            ExitCode.MODEL,
        )
    metrics.show_zeros(classifier.labels)
    version = importlib.metadata.version("emotion-stream")
    metrics.build_info.labels(version, classifier.model_id, classifier.engine.device, classifier.engine.name).set(1)
    log.info("model %s on %s (%s)", classifier.model_id, classifier.engine.device, classifier.engine.name)
    return classifier
