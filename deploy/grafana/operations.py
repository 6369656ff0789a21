"""The operations dashboard: throughput, lag, latency, time per stage, transactions, Redis and processes."""

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import Dashboard, VariableRefresh, VariableSort

from deploy.grafana.layout import PanelRow, filled, new_dashboard
from deploy.grafana.panels import (
    DATASOURCE,
    PER_SECOND,
    SHARE,
    Panel,
    PanelOptions,
    Query,
    distribution,
    lines,
    number,
)
from deploy.grafana.promql import LAG, WORKER, quantile, rate
from deploy.grafana.worker_rows import kafka_and_redis, processes, time_per_stage


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
    rows = [_figures(), _throughput(), _lag(), _latency(), time_per_stage(), kafka_and_redis(), processes()]
    return filled(dashboard.with_variable(instance), rows)


def _figures() -> PanelRow:
    return PanelRow("", [*_stream_figures(), *_fault_figures()])


def _stream_figures() -> list[Panel]:
    consumed = rate("emotion_tweets_consumed_total")
    return [
        number(
            PanelOptions("Workers", "Workers that answer Prometheus.", "none", 3, 4),
            Query(f"sum(up{{{WORKER}}})", "workers"),
        ),
        number(PanelOptions("Consumed", "Records per second.", PER_SECOND, 3, 4), Query(consumed, "consumed")),
        number(PanelOptions("Lag", "Input records not yet committed.", "short", 3, 4), Query(f"sum({LAG})", "records")),
        number(
            PanelOptions("Lag in seconds", "Age of the oldest record that waits; 0 while none waits.", "s", 3, 4),
            Query(f"max(emotion_consumer_lag_seconds{{{WORKER}}})", "seconds"),
        ),
        number(
            PanelOptions(
                "p95 end to end",
                "95 % of the tweets are committed within this time after their timestamp.",
                "s",
                3,
                4,
            ),
            Query(quantile(0.95), "p95"),
            good=10,
        ),
    ]


def _fault_figures() -> list[Panel]:
    dead, consumed = rate("emotion_tweets_dead_lettered_total"), rate("emotion_tweets_consumed_total")
    aborted, ended = rate("emotion_transactions_total", 'outcome="aborted"'), rate("emotion_transactions_total")
    return [
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
    ]


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
                Query(rate("emotion_tweets_consumed_total"), "consumed"),
                Query(rate("emotion_tweets_classified_total"), "labelled"),
                Query(rate("emotion_tweets_dead_lettered_total"), "dead letters"),
            ),
            lines(
                PanelOptions(
                    "Dead letters by reason",
                    "Dead letters per second; docs/reference.md explains the reasons.",
                    PER_SECOND,
                    12,
                ),
                Query(f"{rate('emotion_tweets_dead_lettered_total', by='reason')} > 0", "{{reason}}"),
                stacked=True,
            ),
            lines(
                PanelOptions("Consumed, by worker", "Records per second.", PER_SECOND, 8),
                Query(rate("emotion_tweets_consumed_total", by="instance"), "{{instance}}"),
                stacked=True,
            ),
            lines(
                PanelOptions(
                    "Partitions, by worker", "Partitions of the input topic that each worker owns.", "none", 8
                ),
                Query(f"count by (instance) (emotion_consumer_lag{{{WORKER}}})", "{{instance}}"),
                stacked=True,
            ),
            _late_tweets(),
        ],
    )


def _late_tweets() -> Panel:
    return lines(
        PanelOptions(
            "Late tweets",
            "Labelled tweets per second that are too old for any minute, hour or day; the totals have them.",
            PER_SECOND,
            8,
        ),
        Query(rate("emotion_late_tweets_total"), "late"),
    )


def _lag() -> PanelRow:
    return PanelRow(
        "Consumer lag",
        [
            lines(
                PanelOptions("Lag, by partition", "Input records not yet committed.", "short", 10),
                Query(LAG, "{{topic}}[{{partition}}]"),
                stacked=True,
            ),
            lines(
                PanelOptions(
                    "Lag in seconds, by partition", "Age of the oldest record that waits; 0 while none waits.", "s", 7
                ),
                Query(
                    f"max by (topic, partition) (emotion_consumer_lag_seconds{{{WORKER}}})", "{{topic}}[{{partition}}]"
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
                *(Query(quantile(share), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)),
            ),
            distribution(
                PanelOptions(
                    "Distribution", "Number of tweets by seconds from their timestamp to their commit.", "s", 12
                ),
                Query(
                    f"sum by (le) (increase(emotion_end_to_end_seconds_bucket{{{WORKER}}}[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
        ],
    )
