"""PromQL expressions that the operations dashboard uses in several panels; all of them select the shown workers."""

from typing import Final

WORKER: Final = 'job="worker", instance=~"$instance"'
LAG: Final = f"max by (topic, partition) (emotion_consumer_lag{{{WORKER}}})"


def rate(metric: str, matcher: str = "", *, by: str = "") -> str:
    """Return the summed rate of a counter, by the labels `by`; `matcher` selects further labels."""
    selector = f"{WORKER}, {matcher}" if matcher else WORKER
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{{{selector}}}[$__rate_interval]))"


def quantile(share: float) -> str:
    """Return a quantile of the end-to-end latency in seconds."""
    return f"histogram_quantile({share}, {rate('emotion_end_to_end_seconds_bucket', by='le')}) >= 0"
