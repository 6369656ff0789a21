"""Rows of the operations dashboard about the inside of a worker: stages, transactions, counts, the process."""

from grafana_foundation_sdk.builders import timeseries

from deploy.grafana.layout import PanelRow
from deploy.grafana.panels import PER_SECOND, SHARE, PanelOptions, Query, labels, lines
from deploy.grafana.promql import WORKER, rate
from worker import time_limits


def time_per_stage() -> PanelRow:
    """Return the row about the stages of a batch and the size of batches and passes."""
    seconds, times = (rate(f"emotion_stage_seconds_{part}", by="stage") for part in ("sum", "count"))
    mean = rate("emotion_batch_tweets_sum") + f" / ({rate('emotion_batch_tweets_count')} > 0)"
    large = f"histogram_quantile(0.95, {rate('emotion_batch_tweets_bucket', by='le')}) >= 0"
    real, padded = (rate("emotion_pass_tokens_sum", f'kind="{kind}"') for kind in ("real", "padded"))
    tokens = rate("emotion_pass_tokens_sum", by="kind"), rate("emotion_pass_tokens_count", by="kind")
    return PanelRow(
        "Time per stage",
        [
            lines(
                PanelOptions(
                    "Share of a worker's time",
                    "Mean of the workers; a large share of wait is spare capacity.",
                    SHARE,
                    12,
                ),
                Query(f"{seconds} / on () group_left () sum(up{{{WORKER}}})", "{{stage}}"),
                stacked=True,
            ),
            lines(
                PanelOptions("Seconds per stage", "Mean per batch.", "s", 12),
                Query(f"{seconds} / ({times} > 0)", "{{stage}}"),
            ),
            lines(
                PanelOptions("Batch size", "Records per transaction.", "short", 6),
                Query(mean, "mean"),
                Query(large, "p95"),
            ),
            lines(
                PanelOptions("Padding", "Share of padding in the tokens that the model processes.", SHARE, 6),
                Query(f"1 - {real} / ({padded} > 0)", "padding"),
                top=1,
            ),
            lines(
                PanelOptions("Tokens per pass", "Mean per pass of the model, with and without padding.", "short", 6),
                Query(f"{tokens[0]} / ({tokens[1]} > 0)", "{{kind}}"),
            ),
            _scores_without_the_model(),
        ],
    )


def _scores_without_the_model() -> timeseries.Panel:
    without = rate("emotion_cache_total", 'outcome=~"hit|repeat"', by="outcome")
    texts = rate("emotion_cache_total")
    return lines(
        PanelOptions(
            "Scores without the model",
            "Share of texts with the scores of an equal text: earlier (hit) or in the same batch (repeat).",
            SHARE,
            6,
        ),
        Query(f"{without} / on () group_left () ({texts} > 0)", "{{outcome}}"),
        stacked=True,
    )


def kafka_and_redis() -> PanelRow:
    """Return the row about transactions, rebalances, the counts in Redis, and a Kafka that does not answer."""
    return PanelRow(
        "Kafka and Redis",
        [
            lines(
                PanelOptions(
                    "Transactions",
                    "Transactions per second; tweets of aborted ones are processed again.",
                    PER_SECOND,
                    6,
                ),
                Query(rate("emotion_transactions_total", by="outcome"), "{{outcome}}"),
            ),
            lines(
                PanelOptions(
                    "Rebalances", "Changes of the group's generation or of a worker's partitions.", "short", 6
                ),
                Query(
                    f"sum by (instance) (increase(emotion_rebalances_total{{{WORKER}}}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            lines(
                PanelOptions(
                    "Counts published to Redis",
                    "applied: Redis stored the counts. stale: Redis has newer counts. failed: Redis returned no answer "
                    "or an error.",
                    PER_SECOND,
                    6,
                ),
                Query(rate("emotion_counts_published_total", by="outcome"), "{{outcome}}"),
            ),
            lines(
                PanelOptions(
                    "Silence of Kafka",
                    "Seconds since a broker last answered the worker; an idle worker gets an answer every few seconds.",
                    "s",
                    6,
                ),
                Query(f"emotion_kafka_silent_seconds{{{WORKER}}}", "{{instance}}"),
                limit=time_limits.KAFKA_SILENT.seconds,
            ),
        ],
    )


def processes() -> PanelRow:
    """Return the row about memory, processor and versions of the workers."""
    return PanelRow(
        "Processes",
        [
            lines(
                PanelOptions("Memory", "Resident memory of each worker.", "bytes", 6),
                Query(f"process_resident_memory_bytes{{{WORKER}}}", "{{instance}}"),
            ),
            lines(
                PanelOptions("CPU", "CPU cores in use by each worker.", "suffix: cores", 6),
                Query(rate("process_cpu_seconds_total", by="instance"), "{{instance}}"),
            ),
            labels(
                PanelOptions("Versions", "Version, model, device and engine of each worker.", "none", 12),
                Query(f"emotion_build_info{{{WORKER}}}", "{{instance}}"),
                "instance", "version", "model", "device", "engine",
            ),
        ],
    )  # fmt: skip
