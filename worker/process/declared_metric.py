"""A metric that documents itself: docs/reference.md is made from the declarations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, overload

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

AnyMetric = TypeVar("AnyMetric", Counter, Gauge, Histogram)


@dataclass(frozen=True)
class DeclaredMetric(Generic[AnyMetric]):
    """A metric as the class Metrics declares it; an instance of Metrics has the real one under the same attribute.

    `name` is without the suffix `_total` of a counter; `advice` says what to do when the metric looks wrong.
    """

    kind: Callable[..., AnyMetric]
    name: str
    help: str
    labels: Sequence[str] = ()
    buckets: Sequence[float] = ()
    advice: str = ""

    def register(self, registry: CollectorRegistry) -> AnyMetric:
        """Return the metric, newly registered."""
        buckets: dict[str, Any] = {"buckets": self.buckets} if self.buckets else {}
        return self.kind(self.name, self.help, self.labels, registry=registry, **buckets)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> AnyMetric: ...
    def __get__(self, instance: object, owner: type) -> Self | AnyMetric:
        """Return the declaration; an instance of Metrics finds its own metric first."""
        return self
