"""The operations dashboard: throughput, lag, latency, time per stage, transactions, Redis and processes."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import Dashboard, VariableRefresh, VariableSort

from deploy.grafana.layout import PanelRow, filled, new_dashboard
from deploy.grafana.panels import (
    DATASOURCE,
    PER_SECOND,
    SHARE,
    PanelOptions,
    Query,
    distribution,
    labels,
    lines,
    number,
)

_WORKER: Final = 'job="worker", instance=~"$instance"'
_LAG: Final = f"max by (topic, partition) (emotion_consumer_lag{{{_WORKER}}})"


def operations_dashboard() -> Dashboard:
    """Return the dashboard with uid `operations`."""
    dashboard = new_dashboard(
        "operations",
        "Operations",
        "Throughput, lag and latency of the workers, and their transactions in Kafka and counts in Redis.",
        since="now-1h",
        refresh="10s",
    )
    instance = (
        QueryVariable("instance")
        .label("Worker")
        .description("Workers to show")
        .datasource(DATASOURCE)
        .query('label_values(up{job="worker"}, instance)')
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )
    rows = [_figures(), _throughput(), _lag(), _latency(), _time(), _delivery(), _processes()]
    return filled(dashboard.with_variable(instance), rows)


def _figures() -> PanelRow:
    dead, consumed = _rate("emotion_tweets_dead_lettered_total"), _rate("emotion_tweets_consumed_total")
    aborted, ended = _rate("emotion_transactions_total", 'outcome="aborted"'), _rate("emotion_transactions_total")
    return PanelRow(
        "",
        [
            number(
                PanelOptions("Workers", "Workers that answer Prometheus.", "none", 3, 4),
                Query(f"sum(up{{{_WORKER}}})", "workers"),
            ),
            number(PanelOptions("Consumed", "Records per second.", PER_SECOND, 3, 4), Query(consumed, "consumed")),
            number(
                PanelOptions("Lag", "Input records not yet committed.", "short", 3, 4), Query(f"sum({_LAG})", "records")
            ),
            number(
                PanelOptions("Lag in seconds", "Age of the oldest committed position while records wait.", "s", 3, 4),
                Query(f"max(emotion_consumer_lag_seconds{{{_WORKER}}})", "seconds"),
            ),
            number(
                PanelOptions(
                    "p95 end to end",
                    "95 % of the tweets are committed within this time after their timestamp.",
                    "s",
                    3,
                    4,
                ),
                Query(_quantile(0.95), "p95"),
                good=10,
            ),
            number(
                PanelOptions("Dead letters", "Share of the consumed records that became dead letters.", SHARE, 3, 4),
                Query(f"{dead} / ({consumed} > 0)", "dead letters"),
                good=0.05,
            ),
            number(
                PanelOptions(
                    "Aborted",
                    "Share of the transactions that were aborted; their tweets are processed again.",
                    SHARE,
                    3,
                    4,
                ),
                Query(f"{aborted} / ({ended} > 0)", "aborted"),
                good=0.05,
            ),
            number(
                PanelOptions("Alerts", "Alerts that fire now; Prometheus lists them under /alerts.", "none", 3, 4),
                Query('count(ALERTS{alertstate="firing"}) or vector(0)', "alerts"),
                good=1,
            ),
        ],
    )


def _throughput() -> PanelRow:
    return PanelRow(
        "Throughput",
        [
            lines(
                PanelOptions(
                    "Consumed and committed",
                    "Records per second, counted when their transaction commits.",
                    PER_SECOND,
                    12,
                ),
                Query(_rate("emotion_tweets_consumed_total"), "consumed"),
                Query(_rate("emotion_tweets_classified_total"), "labelled"),
                Query(_rate("emotion_tweets_dead_lettered_total"), "dead letters"),
            ),
            lines(
                PanelOptions(
                    "Dead letters by reason",
                    "Dead letters per second; docs/reference.md explains the reasons.",
                    PER_SECOND,
                    12,
                ),
                Query(f"{_rate('emotion_tweets_dead_lettered_total', by='reason')} > 0", "{{reason}}"),
                stacked=True,
            ),
            lines(
                PanelOptions("Consumed, by worker", "Records per second.", PER_SECOND, 12),
                Query(_rate("emotion_tweets_consumed_total", by="instance"), "{{instance}}"),
                stacked=True,
            ),
            lines(
                PanelOptions(
                    "Partitions, by worker", "Partitions of the input topic that each worker owns.", "none", 12
                ),
                Query(f"count by (instance) (emotion_consumer_lag{{{_WORKER}}})", "{{instance}}"),
                stacked=True,
            ),
        ],
    )


def _lag() -> PanelRow:
    return PanelRow(
        "Consumer lag",
        [
            lines(
                PanelOptions("Lag, by partition", "Input records not yet committed.", "short", 10),
                Query(_LAG, "{{topic}}[{{partition}}]"),
                stacked=True,
            ),
            lines(
                PanelOptions(
                    "Lag in seconds, by partition", "Age of the last committed record; 0 while no record waits.", "s", 7
                ),
                Query(
                    f"max by (topic, partition) (emotion_consumer_lag_seconds{{{_WORKER}}})", "{{topic}}[{{partition}}]"
                ),
            ),
            lines(
                PanelOptions(
                    "Lag trend", "Records per second over ten minutes; below 0 the workers catch up.", PER_SECOND, 7
                ),
                Query("stream:emotion_consumer_lag:deriv10m", "trend"),
                signed=True,
            ),
        ],
    )


def _latency() -> PanelRow:
    return PanelRow(
        "End-to-end latency",
        [
            lines(
                PanelOptions("Quantiles", "Seconds from a tweet's timestamp to its commit.", "s", 12),
                *(Query(_quantile(share), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)),
            ),
            distribution(
                PanelOptions(
                    "Distribution", "Number of tweets by seconds from their timestamp to their commit.", "s", 12
                ),
                Query(
                    f"sum by (le) (increase(emotion_end_to_end_seconds_bucket{{{_WORKER}}}[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
        ],
    )


def _time() -> PanelRow:
    seconds, times = (_rate(f"emotion_stage_seconds_{part}", by="stage") for part in ("sum", "count"))
    mean = _rate("emotion_batch_tweets_sum") + f" / ({_rate('emotion_batch_tweets_count')} > 0)"
    large = f"histogram_quantile(0.95, {_rate('emotion_batch_tweets_bucket', by='le')}) >= 0"
    real, padded = (_rate("emotion_pass_tokens_sum", f'kind="{kind}"') for kind in ("real", "padded"))
    tokens = _rate("emotion_pass_tokens_sum", by="kind"), _rate("emotion_pass_tokens_count", by="kind")
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
                Query(f"{seconds} / on () group_left () sum(up{{{_WORKER}}})", "{{stage}}"),
                stacked=True,
            ),
            lines(
                PanelOptions(
                    "Seconds per stage", "Mean per batch; tokenize and infer: mean per pass of the model.", "s", 12
                ),
                Query(f"{seconds} / ({times} > 0)", "{{stage}}"),
            ),
            lines(
                PanelOptions("Batch size", "Records per transaction.", "short", 8),
                Query(mean, "mean"),
                Query(large, "p95"),
            ),
            lines(
                PanelOptions("Padding", "Share of padding in the tokens that the model processes.", SHARE, 8),
                Query(f"1 - {real} / ({padded} > 0)", "padding"),
                top=1,
            ),
            lines(
                PanelOptions("Tokens per pass", "Mean per pass of the model, with and without padding.", "short", 8),
                Query(f"{tokens[0]} / ({tokens[1]} > 0)", "{{kind}}"),
            ),
        ],
    )


def _delivery() -> PanelRow:
    return PanelRow(
        "Kafka and Redis",
        [
            lines(
                PanelOptions(
                    "Transactions",
                    "Transactions per second; tweets of aborted ones are processed again.",
                    PER_SECOND,
                    8,
                ),
                Query(_rate("emotion_transactions_total", by="outcome"), "{{outcome}}"),
            ),
            lines(
                PanelOptions(
                    "Rebalances", "Changes of the group's generation or of a worker's partitions.", "short", 8
                ),
                Query(
                    f"sum by (instance) (increase(emotion_rebalances_total{{{_WORKER}}}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            lines(
                PanelOptions(
                    "Counts published to Redis",
                    "applied: Redis stored the counts. stale: Redis has newer counts. failed: Redis returned no answer "
                    "or an error.",
                    PER_SECOND,
                    8,
                ),
                Query(_rate("emotion_counts_published_total", by="outcome"), "{{outcome}}"),
            ),
        ],
    )


def _processes() -> PanelRow:
    return PanelRow(
        "Processes",
        [
            lines(
                PanelOptions("Memory", "Resident memory of each worker.", "bytes", 6),
                Query(f"process_resident_memory_bytes{{{_WORKER}}}", "{{instance}}"),
            ),
            lines(
                PanelOptions("CPU", "CPU cores in use by each worker.", "suffix: cores", 6),
                Query(_rate("process_cpu_seconds_total", by="instance"), "{{instance}}"),
            ),
            labels(
                PanelOptions("Versions", "Version, model, device and engine of each worker.", "none", 12),
                Query(f"emotion_build_info{{{_WORKER}}}", "{{instance}}"),
                "instance", "version", "model", "device", "engine",
            ),
        ],
    )  # fmt: skip


def _rate(metric: str, matcher: str = "", *, by: str = "") -> str:
    selector = f"{_WORKER}, {matcher}" if matcher else _WORKER
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{{{selector}}}[$__rate_interval]))"


def _quantile(share: float) -> str:
    return f"histogram_quantile({share}, {_rate('emotion_end_to_end_seconds_bucket', by='le')}) >= 0"
