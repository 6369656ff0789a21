"""The operations dashboard: whether the stream keeps up, where its time goes, and what its surroundings do to it."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import Dashboard, VariableRefresh, VariableSort

from deploy.grafana.layout import Row, filled, new_dashboard
from deploy.grafana.panels import DATASOURCE, PER_SECOND, SHARE, Query, View, distribution, labels, lines, number

_WORKER: Final = 'job="worker", instance=~"$instance"'
_LAG: Final = f"max by (topic, partition) (emotion_consumer_lag{{{_WORKER}}})"


def operations_dashboard() -> Dashboard:
    """The dashboard with uid `operations`."""
    dashboard = new_dashboard(
        "operations", "Operations", "Whether the stream keeps up, and why not.", since="now-1h", refresh="10s"
    )
    instance = (
        QueryVariable("instance")
        .label("Worker")
        .description("Which workers are shown")
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


def _figures() -> Row:
    dead, consumed = _rate("emotion_tweets_dead_lettered_total"), _rate("emotion_tweets_consumed_total")
    aborted, ended = _rate("emotion_transactions_total", 'outcome="aborted"'), _rate("emotion_transactions_total")
    return Row(
        "",
        [
            number(View("Workers", "That answer Prometheus.", "none", 3, 4), Query(f"sum(up{{{_WORKER}}})", "workers")),
            number(View("In", "Records a second.", PER_SECOND, 3, 4), Query(consumed, "in")),
            number(View("Waiting", "Records not yet committed.", "short", 3, 4), Query(f"sum({_LAG})", "records")),
            number(
                View("Behind", "Age of the oldest position, while records wait.", "s", 3, 4),
                Query(f"max(emotion_consumer_lag_seconds{{{_WORKER}}})", "seconds"),
            ),
            number(
                View("p95 end to end", "From a tweet's timestamp to its commit: 95 of 100 are faster.", "s", 3, 4),
                Query(_quantile(0.95), "p95"),
                good=10,
            ),
            number(
                View("Dead letters", "Share of the records that are no tweets.", SHARE, 3, 4),
                Query(f"{dead} / ({consumed} > 0)", "dead letters"),
                good=0.05,
            ),
            number(
                View("Aborted", "Share of the transactions that were given up and done again.", SHARE, 3, 4),
                Query(f"{aborted} / ({ended} > 0)", "aborted"),
                good=0.05,
            ),
            number(
                View("Alerts", "That fire now; Prometheus lists them under /alerts.", "none", 3, 4),
                Query('count(ALERTS{alertstate="firing"}) or vector(0)', "alerts"),
                good=1,
            ),
        ],
    )


def _throughput() -> Row:
    return Row(
        "Throughput",
        [
            lines(
                View("In and out", "Records consumed, labelled and dead-lettered, counted at commit.", PER_SECOND, 12),
                Query(_rate("emotion_tweets_consumed_total"), "in"),
                Query(_rate("emotion_tweets_classified_total"), "labelled"),
                Query(_rate("emotion_tweets_dead_lettered_total"), "dead letters"),
            ),
            lines(
                View(
                    "Dead letters by reason", "Reasons of this moment; the README says what each means.", PER_SECOND, 12
                ),
                Query(f"{_rate('emotion_tweets_dead_lettered_total', by='reason')} > 0", "{{reason}}"),
                stacked=True,
            ),
            lines(
                View("In, by worker", "Records a second.", PER_SECOND, 12),
                Query(_rate("emotion_tweets_consumed_total", by="instance"), "{{instance}}"),
                stacked=True,
            ),
            lines(
                View("Partitions, by worker", "How Kafka has spread the input topic over the workers.", "none", 12),
                Query(f"count by (instance) (emotion_consumer_lag{{{_WORKER}}})", "{{instance}}"),
                stacked=True,
            ),
        ],
    )


def _lag() -> Row:
    return Row(
        "Lag",
        [
            lines(
                View("Waiting, by partition", "Records not yet committed.", "short", 10),
                Query(_LAG, "{{topic}}[{{partition}}]"),
                stacked=True,
            ),
            lines(
                View("Behind, by partition", "Age of the last committed record, 0 while none waits.", "s", 7),
                Query(
                    f"max by (topic, partition) (emotion_consumer_lag_seconds{{{_WORKER}}})", "{{topic}}[{{partition}}]"
                ),
            ),
            lines(
                View("Trend", "Growth of the lag over ten minutes; below 0 the workers catch up.", PER_SECOND, 7),
                Query("stream:emotion_consumer_lag:deriv10m", "trend"),
                signed=True,
            ),
        ],
    )


def _latency() -> Row:
    return Row(
        "End to end",
        [
            lines(
                View("Quantiles", "Seconds from a tweet's timestamp to its commit.", "s", 12),
                *(Query(_quantile(share), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)),
            ),
            distribution(
                View("Distribution", "Tweets by the seconds from their timestamp to their commit.", "s", 12),
                Query(
                    f"sum by (le) (increase(emotion_end_to_end_seconds_bucket{{{_WORKER}}}[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
        ],
    )


def _time() -> Row:
    seconds, times = (_rate(f"emotion_stage_seconds_{part}", by="stage") for part in ("sum", "count"))
    mean = _rate("emotion_batch_tweets_sum") + f" / ({_rate('emotion_batch_tweets_count')} > 0)"
    large = f"histogram_quantile(0.95, {_rate('emotion_batch_tweets_bucket', by='le')}) >= 0"
    real, padded = (_rate("emotion_pass_tokens_sum", f'kind="{kind}"') for kind in ("real", "padded"))
    tokens = _rate("emotion_pass_tokens_sum", by="kind"), _rate("emotion_pass_tokens_count", by="kind")
    return Row(
        "Where the time goes",
        [
            lines(
                View("Share of a worker's time", "The more it waits for tweets, the more it could take.", SHARE, 12),
                Query(f"{seconds} / on () group_left () sum(up{{{_WORKER}}})", "{{stage}}"),
                stacked=True,
            ),
            lines(
                View("Seconds in a stage", "Mean for a batch; tokenize and infer for a pass of the model.", "s", 12),
                Query(f"{seconds} / ({times} > 0)", "{{stage}}"),
            ),
            lines(View("Batch", "Records in a transaction.", "short", 8), Query(mean, "mean"), Query(large, "p95")),
            lines(
                View("Padding", "Share of the model's work that is spent on padding.", SHARE, 8),
                Query(f"1 - {real} / ({padded} > 0)", "padding"),
                top=1,
            ),
            lines(
                View("Tokens in a pass", "Mean, with padding and without.", "short", 8),
                Query(f"{tokens[0]} / ({tokens[1]} > 0)", "{{kind}}"),
            ),
        ],
    )


def _delivery() -> Row:
    return Row(
        "Kafka and Redis",
        [
            lines(
                View("Transactions", "Committed, and aborted ones, whose work is done again.", PER_SECOND, 8),
                Query(_rate("emotion_transactions_total", by="outcome"), "{{outcome}}"),
            ),
            lines(
                View("Rebalances", "Changes of a worker's partitions or of the group's generation.", "short", 8),
                Query(
                    f"sum by (instance) (increase(emotion_rebalances_total{{{_WORKER}}}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            lines(
                View(
                    "Counts told to Redis",
                    "Applied; stale: it knows newer ones; failed: it did not answer.",
                    PER_SECOND,
                    8,
                ),
                Query(_rate("emotion_counts_published_total", by="outcome"), "{{outcome}}"),
            ),
        ],
    )


def _processes() -> Row:
    return Row(
        "Processes",
        [
            lines(
                View("Memory", "Resident, of each worker.", "bytes", 6),
                Query(f"process_resident_memory_bytes{{{_WORKER}}}", "{{instance}}"),
            ),
            lines(
                View("CPU", "Cores in use, of each worker.", "suffix: cores", 6),
                Query(_rate("process_cpu_seconds_total", by="instance"), "{{instance}}"),
            ),
            labels(
                View("Versions", "What each worker runs.", "none", 12),
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
