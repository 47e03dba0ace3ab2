"""The metrics of all workers as one, in the hands of one owner."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from math import fsum, inf, isfinite

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from service.workers.snapshot import Family, Sample

_CUMULATIVE = frozenset({"counter", "histogram"})

_ADDED_GAUGES = frozenset(
    {
        "chainzrule_http_requests_in_progress",
        "chainzrule_queue_rows",
        "chainzrule_queue_limit_rows",
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    }
)
"""Gauges of which each worker has its own share; of any other, but the next, the greatest stands for all."""

_LEAST_GAUGES = frozenset({"chainzrule_model_ready"})
"""Gauges that promise something: all keep it only if each worker does."""

_START_TIME = "process_start_time_seconds"
"""The first worker's, for good: when the service started, whatever became of that worker."""


class FleetMetrics(Collector):
    """Adds up the workers' last reports, exactly.

    Counters and histograms of workers that have gone stay in the sum, which therefore never falls: it is rounded once,
    from the exact value, as otherwise a `_sum` could fall by its last bit and look like a restart. Gauges are those of
    the workers that are there.
    """

    def __init__(self) -> None:
        self._present: dict[Hashable, list[Family]] = {}
        self._departed: dict[str, Family] = {}
        self._departed_parts: dict[tuple[str, ...], list[float]] = {}
        self._started = inf
        self.restarts = 0

    def report(self, process: Hashable, families: list[Family]) -> None:
        """Take what a worker, by what names its process, has counted up to now."""
        self._present[process] = families
        for family in families:
            if family.name == _START_TIME:
                self._started = min(self._started, *(sample.value for sample in family.samples))

    def depart(self, process: Hashable) -> None:
        """Keep the last known counts of a worker that has gone."""
        for family in self._present.pop(process, []):
            if family.kind not in _CUMULATIVE:
                continue
            known = {sample.key: sample for sample in self._samples_departed(family.name)}
            for sample in family.samples:
                known[sample.key] = sample
                parts = [*self._departed_parts.get(sample.key, ()), sample.value]
                self._departed_parts[sample.key] = _exact_parts(parts)
            self._departed[family.name] = Family(family.name, family.documentation, family.kind, list(known.values()))

    def exposition(self) -> bytes:
        """Return everything in Prometheus's text format."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def describe(self) -> Iterator[Metric]:
        """Name nothing: the registry must not collect to find out."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Return every metric, all workers' together."""
        yield GaugeMetricFamily("chainzrule_workers", "Workers that answer requests.", value=len(self._present))
        yield CounterMetricFamily(
            "chainzrule_worker_restarts", "Workers started in the place of one that ended.", value=self.restarts
        )
        families: dict[str, list[Family]] = {}
        for report in (*self._present.values(), list(self._departed.values())):
            for family in report:
                families.setdefault(family.name, []).append(family)
        for same in families.values():
            yield self._together(same)

    def _samples_departed(self, name: str) -> Sequence[Sample]:
        return self._departed[name].samples if name in self._departed else ()

    def _together(self, same: list[Family]) -> Metric:
        first = same[0]
        values: dict[tuple[str, ...], list[float]] = {}
        labels: dict[tuple[str, ...], dict[str, str]] = {}
        departed = self._departed.get(first.name)
        for family in same:
            for sample in family.samples:
                labels.setdefault(sample.key, sample.labels)
                if family is departed:
                    values.setdefault(sample.key, []).extend(self._departed_parts[sample.key])
                else:
                    values.setdefault(sample.key, []).append(sample.value)
        metric = Metric(first.name, first.documentation, first.kind)
        for key, found in values.items():
            metric.add_sample(key[0], labels[key], self._one(first, found))
        return metric

    def _one(self, family: Family, values: Iterable[float]) -> float:
        if family.kind in _CUMULATIVE or family.name in _ADDED_GAUGES:
            return fsum(values)
        if family.name == _START_TIME:
            return self._started
        return min(values) if family.name in _LEAST_GAUGES else max(values)


def _exact_parts(values: Sequence[float]) -> list[float]:
    """Return few numbers whose exact sum is that of `values`; a sum that is not finite stands alone."""
    parts: list[float] = []
    while rest := fsum([*values, *(-part for part in parts)]):
        parts.append(rest)
        if not isfinite(rest):
            break
    return parts
