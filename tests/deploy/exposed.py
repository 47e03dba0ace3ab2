"""What the service can expose, for those who ask for it."""

from service.monitoring.metrics import Metrics
from service.workers.fleet_metrics import FleetMetrics


def exposed_samples() -> set[str]:
    """Name every sample that the service can expose, whichever model it serves and however many workers it has."""
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    return {
        metric.name + suffix
        for collector in (Metrics().registry, FleetMetrics())
        for metric in collector.collect()
        for suffix in suffixes[metric.type]
    }
