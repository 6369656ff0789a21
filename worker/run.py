"""`python -m worker`: builds the parts of the worker, starts them, runs the loop, and stops the parts in order."""

import importlib.metadata
import logging
import time
from collections.abc import Callable, Collection, Mapping

from tweets.records import Partition
from worker import time_limits
from worker.counts import MetadataLimit
from worker.dead_letter_share import DeadLetterShare
from worker.errors import ExitCode, FatalError, TransientError
from worker.inference.classifier import Classifier, load_classifier
from worker.kafka.committed_windows import CommittedWindows
from worker.kafka.reachable import check_crc32c, wait_until_reachable
from worker.kafka.stream import KafkaStream
from worker.kafka.topics import Topics
from worker.labelling import Labeller, OutputTopics
from worker.loop import Loop
from worker.process.health import HealthServer
from worker.process.logs import configure_logging
from worker.process.memory import collect_less_often, return_large_buffers
from worker.process.metrics import Metrics
from worker.process.stop import StopFlag
from worker.process.watchdog import Watchdog
from worker.readiness import reason_not_ready
from worker.redis.publisher import CountsPublisher
from worker.redis.store import CountsStore, CountsStoreError
from worker.redis.window_store import WindowStore
from worker.redis.windows_publisher import WindowsPublisher
from worker.restoring import Restorer
from worker.settings import Settings, load_settings
from worker.watched_subjects import WatchedSubjects

log = logging.getLogger(__name__)


def run(*, accept_empty_state: bool = False) -> int:
    """Run the worker until SIGTERM or SIGINT; return ExitCode.OK then, or the exit code of the error that ended it.

    With `accept_empty_state`, a partition whose state is lost starts from zero.
    """
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    return_large_buffers()
    watchdog = Watchdog()
    stop = StopFlag(on_first=lambda: watchdog.finish_within(time_limits.SHUTDOWN.seconds))
    stop.listen()
    try:
        return _Worker(settings, stop, watchdog, accept_empty_state=accept_empty_state).run()
    except FatalError as error:
        log.critical("%s", error)
        return error.exit_code
    except TransientError as error:  # the loop retries after a transient error, the start does not
        log.critical("Kafka at %s failed at the start: %s", settings.kafka_bootstrap_servers, error)
        return ExitCode.KAFKA
    except Exception:
        log.critical(
            "unexpected error, a bug; uncommitted tweets will be processed again after a restart", exc_info=True
        )
        return ExitCode.BUG


class _Worker:
    """The parts of one worker process."""

    def __init__(self, settings: Settings, stop: StopFlag, watchdog: Watchdog, *, accept_empty_state: bool) -> None:
        self._settings = settings
        self._accept_empty_state = accept_empty_state
        self._stop = stop
        self._watchdog = watchdog
        self._metrics = Metrics()
        self._loop: Loop | None = None
        self._silent_s: Callable[[], float] = lambda: 0.0
        """Seconds since Kafka last answered; 0 before the worker has a consumer."""

    def run(self) -> int:
        """Start the parts in order, and run the loop until the stop flag is set.

        Raises FatalError, TransientError during the start, and the error that ended a thread.
        """
        settings = self._settings
        log.info("%s", settings.redacted())
        check_crc32c()
        health = self._start_health_server()
        self._watchdog.start()
        store = CountsStore.of(settings)
        subjects = WatchedSubjects(settings.topics_file, self._metrics)
        classifier = _load_classifier(settings, self._metrics)
        subjects.show_zeros(classifier.emotions)
        collect_less_often()
        wait_until_reachable(settings, self._stop)
        if self._stop.is_set():
            return ExitCode.OK
        max_record_bytes = Topics(settings).check()
        publisher = CountsPublisher(store, self._metrics, self._stop.fail)
        windows_publisher = self._windows_publisher(subjects)
        stream = KafkaStream(settings, max_record_bytes=max_record_bytes, watchdog=self._watchdog)
        self._silent_s = stream.silent_s
        self._metrics.kafka_silent_seconds.set_function(stream.silent_s)
        try:
            output = OutputTopics(settings.kafka_output_topic, settings.kafka_dead_letter_topic, max_record_bytes)
            labeller = Labeller(
                classifier, output, self._metrics, tweet_max_chars=settings.tweet_max_chars, subjects=subjects
            )
            self._loop = self._new_loop(stream, labeller, publisher, windows_publisher, self._restorer(classifier))
            publisher.start()
            windows_publisher.start()
            log.info("consuming %s", settings.kafka_input_topic)
            self._loop.run(self._stop)
        finally:
            log.info("stopping: publishing the last counts, closing the Kafka clients")
            self._watchdog.finish_within(time_limits.SHUTDOWN.seconds)
            # While the worker owns the partitions: the next owner publishes again what Redis may lack.
            _close_within(time_limits.FINAL_PUBLISH.seconds, publisher, windows_publisher)
            stream.close()
            health.close()
        if self._stop.failure is not None:
            raise self._stop.failure
        return ExitCode.OK

    def _start_health_server(self) -> HealthServer:
        health = HealthServer(
            self._settings.metrics_host,
            self._settings.metrics_port,
            registry=self._metrics.registry,
            overdue=self._watchdog.overdue,
            not_ready=self._not_ready,
            on_death=self._stop.fail,
        )
        health.start()
        log.info("metrics on http://%s:%d/metrics", self._settings.metrics_host, health.port)
        return health

    def _not_ready(self) -> str | None:
        """Return why the worker is not ready, or None."""
        restored = self._loop is not None and self._loop.ready
        servers = self._settings.kafka_bootstrap_servers
        return reason_not_ready(restored=restored, silent_s=self._silent_s(), servers=servers)

    def _restorer(self, classifier: Classifier) -> Restorer:
        return Restorer(
            _metadata_limit(self._settings, classifier),
            redis_counts=self._redis_counts,
            accept_empty_state=self._accept_empty_state,
            window_limits=self._settings.window_limits(),
        )

    def _redis_counts(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Return what Redis counts in these partitions; nothing if Redis does not answer, which proves nothing."""
        store = CountsStore.of(self._settings)  # the publisher's store is for the publisher's thread alone
        try:
            return store.counted(partitions)
        except CountsStoreError as error:
            log.warning("Redis cannot be asked whether these partitions were counted before (%s)", error)
            return {}
        finally:
            store.close()

    def _windows_publisher(self, subjects: WatchedSubjects) -> WindowsPublisher:
        settings = self._settings
        publisher = WindowsPublisher(
            WindowStore.of(settings),
            self._metrics,
            self._stop.fail,
            read_closed=CommittedWindows(settings).closed,
            late_ms=settings.window_limits().late_ms,
        )
        publisher.count_subjects(subjects.names())
        subjects.on_change(publisher.count_subjects)
        return publisher

    def _new_loop(
        self,
        stream: KafkaStream,
        labeller: Labeller,
        publisher: CountsPublisher,
        windows_publisher: WindowsPublisher,
        restorer: Restorer,
    ) -> Loop:
        return Loop(
            stream,
            labeller,
            publisher,
            windows_sink=windows_publisher,
            dead_letter_share=DeadLetterShare(self._settings.dead_letter_max_share),
            metrics=self._metrics,
            watchdog=self._watchdog,
            restorer=restorer,
            batch_max_tweets=self._settings.batch_max_tweets,
            batch_max_wait_s=self._settings.batch_max_wait_ms / 1000,
        )


def _close_within(seconds: float, *publishers: CountsPublisher | WindowsPublisher) -> None:
    """Close the publishers, in so many seconds in all: without an answer of Redis none of them gets one."""
    ends_at_s = time.monotonic() + seconds
    for publisher in publishers:
        publisher.close(max(0.0, ends_at_s - time.monotonic()))


def _metadata_limit(settings: Settings, classifier: Classifier) -> MetadataLimit:
    return MetadataLimit(classifier.emotions, settings.kafka_offset_metadata_max_bytes)


def _load_classifier(settings: Settings, metrics: Metrics) -> Classifier:
    classifier = load_classifier(
        settings.model_path,
        device=settings.device,
        max_tokens=settings.batch_max_tokens,
        metrics=metrics,
        neutral_threshold=settings.neutral_threshold,
        cache_max_tweets=settings.cache_max_tweets,
    )
    limit = _metadata_limit(settings, classifier)
    if limit.bytes_needed() > limit.max_bytes:
        raise FatalError(
            f"MODEL_PATH={settings.model_path}: the counts of {len(classifier.emotions)} labels with these names need "
            f"{limit.bytes_needed()} bytes of offset metadata, and KAFKA_OFFSET_METADATA_MAX_BYTES={limit.max_bytes}; "
            "use fewer or shorter labels, or raise both offset.metadata.max.bytes of the brokers and this setting",
            ExitCode.MODEL,
        )
    metrics.show_zeros(classifier.emotions)
    version = importlib.metadata.version("emotion-stream")
    metrics.build_info.labels(version, classifier.model_id, classifier.engine.device, classifier.engine.name).set(1)
    log.info("model %s on %s (%s)", classifier.model_id, classifier.engine.device, classifier.engine.name)
    return classifier
