"""What this process counts, for ``/metrics``. No label and no value is of a person."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from bot.readiness import Readiness
    from bot.vigil import Vigil
    from bot.worker import Worker

_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""Upper bounds of the classes of seconds."""


class Seconds:
    """How long something took, by classes."""

    def __init__(self) -> None:
        self._classes = [0] * (len(_BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._classes[bisect_left(_BOUNDS, seconds)] += 1
        self.sum += seconds

    @property
    def buckets(self) -> Sequence[tuple[str, float]]:
        """Each upper bound and how many took at most so long, as Prometheus wants them."""
        bounds = [*map(str, _BOUNDS), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self._classes)), strict=True))


class Metrics:
    """Counts since the start of this process. The library is imported with the first scrape: it is not small."""

    def __init__(self) -> None:
        self._messages: Counter[tuple[str, str]] = Counter()
        self._unreadable: Counter[str] = Counter()
        self._endings: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[str] = Counter()
        self._answer_seconds = Seconds()
        self._worker: Worker | None = None
        self._vigil: Vigil | None = None
        self._readiness: Readiness | None = None

    def message(self, platform: str, *, new: bool) -> None:
        """A message came in, or came in again."""
        self._messages[platform, "new" if new else "double"] += 1

    def unreadable(self, platform: str) -> None:
        """An event came in that nobody understood."""
        self._unreadable[platform] += 1

    def ended(self, platform: str, kind: str, seconds: float) -> None:
        """A turn was shown, so long after its message was stored."""
        self._endings[platform, kind] += 1
        self._answer_seconds.add(seconds)

    def failed(self, reason: str) -> None:
        """An attempt failed."""
        self._failures[reason] += 1

    def look_at(self, readiness: Readiness, vigil: Vigil, worker: Worker | None) -> None:
        """Where what holds at the moment of a scrape is asked for."""
        self._readiness, self._vigil, self._worker = readiness, vigil, worker

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - late, see the class

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """The library calls this; see ``prometheus_client.registry.Collector``."""
        yield _counter("plausch_messages", "Messages that came in.", self._messages, ("platform", "kind"))
        yield _counter("plausch_unreadable", "Events that could not be read.", self._unreadable, ("platform",))
        yield _counter("plausch_turns_ended", "Turns that were shown.", self._endings, ("platform", "ending"))
        yield _counter("plausch_attempts_failed", "Attempts that failed.", self._failures, ("reason",))
        yield self._seconds()
        yield from self._of_now()

    def _seconds(self) -> Metric:
        from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415 - late, see the class

        family = HistogramMetricFamily("plausch_answer_seconds", "From a message's commit until its ending was shown.")
        family.add_metric([], buckets=self._answer_seconds.buckets, sum_value=self._answer_seconds.sum)
        return family

    def _of_now(self) -> Iterator[Metric]:
        if self._worker is not None:
            yield _gauge("plausch_turns_under_way", "Turns that this process answers.", self._worker.under_way)
        if self._vigil is not None and (backlog := self._vigil.backlog):
            yield _gauge("plausch_turns_open", "Turns that are not shown yet, in all processes.", backlog.open)
            yield _gauge("plausch_oldest_turn_seconds", "The age of the oldest of them.", backlog.oldest_seconds)
            yield _gauge("plausch_turns_parked", "Turns that were put aside.", backlog.parked)
        if self._readiness is not None:
            yield _gauge("plausch_ready", "Whether messages are taken.", not self._readiness.waiting_for)
            yield self._troubles(self._readiness)

    def _troubles(self, readiness: Readiness) -> Metric:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - late, see the class

        family = GaugeMetricFamily("plausch_trouble", "1 for each part in trouble; /readyz says why.", labels=["part"])
        for part in readiness.waiting_for | readiness.troubles:
            family.add_metric([part], 1)
        return family


def _counter(name: str, says: str, counts: Mapping[Any, int], labels: Sequence[str]) -> Metric:
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - late, see the class

    family = CounterMetricFamily(name, says, labels=labels)
    for key, count in counts.items():
        family.add_metric([key] if isinstance(key, str) else list(key), count)
    return family


def _gauge(name: str, says: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - late, see the class

    return GaugeMetricFamily(name, says, value=float(value))
