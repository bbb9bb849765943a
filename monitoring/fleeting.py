"""Gauges of what one process sees for all: shown while they are fresh, and gone when that process stops looking.

The process that holds a duty counts the backlog, the books, the breaker's state. When the duty goes to another process,
a plain gauge would show the old count for ever beside the new one, and a duty that nobody does would look as it did the
last time. So a value here lives for some seconds only: silence is visible, and an alert's `absent` sees it.
"""

import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class FleetingGauge(Collector):
    """A gauge whose values are forgotten `life_seconds` after they were set."""

    def __init__(
        self,
        name: str,
        text: str,
        label_names: Sequence[str],
        *,
        life_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._text = text
        self.label_names = tuple(label_names)
        self._life_seconds = life_seconds
        self._clock = clock
        self._values: dict[tuple[str, ...], tuple[float, float]] = {}

    def labels(self, *values: str) -> "FleetingChild":
        """The value under these labels."""
        return FleetingChild(self, tuple(str(value) for value in values))

    def set(self, value: float) -> None:
        """Set the only value of a gauge without labels."""
        self.put((), value)

    def put(self, labels: tuple[str, ...], value: float) -> None:
        """Note a value and when it was seen."""
        self._values[labels] = (self._clock(), float(value))

    def describe(self) -> Sequence[Metric]:
        """What is known without values."""
        return [GaugeMetricFamily(self._name, self._text, labels=self.label_names)]

    def collect(self) -> Iterator[Metric]:
        """The values that are fresh."""
        oldest = self._clock() - self._life_seconds
        family = GaugeMetricFamily(self._name, self._text, labels=self.label_names)
        for labels, (seen_at, value) in self._values.items():
            if seen_at >= oldest:
                family.add_metric(labels, value)
        yield family


class FleetingChild:
    """One value of a fleeting gauge."""

    def __init__(self, gauge: FleetingGauge, labels: tuple[str, ...]) -> None:
        self._gauge = gauge
        self._labels = labels

    def set(self, value: float) -> None:
        """Note the value."""
        self._gauge.put(self._labels, value)
