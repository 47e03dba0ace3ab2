"""One process's metrics at one moment."""

import msgspec
from prometheus_client.registry import CollectorRegistry


class Sample(msgspec.Struct, array_like=True, frozen=True):
    """One line of the exposition."""

    name: str
    labels: dict[str, str]
    value: float

    @property
    def key(self) -> tuple[str, ...]:
        """What two processes' samples of the same thing share."""
        return (self.name, *self.labels.values())


class Family(msgspec.Struct, array_like=True, frozen=True):
    """One metric."""

    name: str
    documentation: str
    kind: str
    samples: list[Sample]


def take_snapshot(registry: CollectorRegistry) -> list[Family]:
    """Return everything in `registry`."""
    return [
        Family(
            metric.name,
            metric.documentation,
            metric.type,
            [Sample(sample.name, sample.labels, sample.value) for sample in metric.samples],
        )
        for metric in registry.collect()
    ]
