"""Every metric of the service."""

from collections.abc import Iterable, Mapping
from typing import get_args

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from service.errors import ERROR_CODES, ServiceError
from service.inference.engine import Engine
from service.inference.jobs import Dispatch, Reason
from service.inference.model import Model, Scores
from service.inference.repository import Repository
from service.manifest import MODEL_FILE
from service.monitoring.array_histogram import ArrayHistogram

TAIL_RATIO_BOUNDS = (
    *(0.0, 0.25, 0.5, 0.7, 0.8),
    *np.arange(0.9, 1.2, 0.002).round(3),
    *np.arange(1.2, 2.0, 0.02).round(2),
    *(2.0, 2.5, 3.0, 5.0, 10.0),
)
"""0.002 wide up to 1.2, so that a fleet's p99 / mean comes within 0.002 of the truth there, and within 0.02 up to 2."""

SHARE_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, *np.arange(0.05, 1.0001, 0.05).round(2))
"""For what lives in [0, 1]; finer at the low end, where decisions are taken."""

SECONDS_BOUNDS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    10.0,
)

ROWS_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)

STAGES = ("decode", "queue", "run", "encode")
"""Of a prediction request, in order."""

STATUSES = {"GET": ("200", "500", "503"), "POST": ("200", "400", "500", "503")}
"""Counted at 0 from the start, some 60 series in all: what alerts are made of, and not whatever else may happen."""

disable_created_metrics()  # type: ignore[no-untyped-call]


class ModelMetrics:
    """One model version's metrics, looked up once."""

    def __init__(self, metrics: "Metrics", model: Model) -> None:
        self._metrics = metrics
        self._labels = labels = (model.manifest.name, str(model.manifest.version))
        self._rows = metrics.rows.labels(*labels)
        self._expected_errors = metrics.expected_errors.labels(*labels)
        self._reliability = metrics.reliability.labels(*labels)
        self._typicality = metrics.typicality.labels(*labels)
        self._tail_ratio = metrics.tail_ratio.labels(*labels)
        self._stages = {stage: metrics.stage_seconds.labels(*labels, stage) for stage in STAGES}
        self._batch_rows = metrics.batch_rows.labels(*labels)
        self._batches = {reason: metrics.batches.labels(*labels, reason) for reason in get_args(Reason)}

    def record(self, scores: Scores) -> None:
        """Count a batch that was answered."""
        reliability = scores["reliability"]
        self._rows.inc(len(reliability))
        self._expected_errors.inc(max(float(len(reliability) - reliability.sum(dtype=np.float64)), 0.0))
        self._reliability.observe(reliability)
        self._typicality.observe(scores["typicality"])
        self._tail_ratio.observe(scores["tail_ratio"])

    def remove(self) -> None:
        """Take the series out of the exposition; what is still recorded here is seen by nobody."""
        metrics, labels = self._metrics, self._labels
        for counter in (metrics.rows, metrics.expected_errors, metrics.batch_rows):
            counter.remove(*labels)
        for histogram in (metrics.reliability, metrics.typicality, metrics.tail_ratio):
            histogram.remove(*labels)
        for stage in self._stages:
            metrics.stage_seconds.remove(*labels, stage)
        for reason in self._batches:
            metrics.batches.remove(*labels, reason)

    def record_batch(self, dispatch: Dispatch) -> None:
        """Count a run."""
        self._batch_rows.observe(dispatch.rows)
        self._batches[dispatch.reason].inc()

    def record_stages(self, seconds: Mapping[str, float]) -> None:
        """Time each of `STAGES` of a request."""
        for stage, duration in seconds.items():
            self._stages[stage].observe(duration)


class Metrics:
    """The registry and all that is in it. `model` and `version` label only what the repository holds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        model = ("model", "version")
        self.requests = Counter(
            "chainzrule_http_requests",
            "Requests answered, by route template.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "chainzrule_http_request_duration_seconds",
            "Time from a request's head to its answer's last byte, by route template.",
            ("route", "method"),
            buckets=SECONDS_BOUNDS,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "chainzrule_http_requests_in_progress", "Requests being answered now.", registry=self.registry
        )
        self.stage_seconds = Histogram(
            "chainzrule_stage_duration_seconds",
            "Time a prediction request spends being decoded, waiting, being run (with others, perhaps) and encoded.",
            (*model, "stage"),
            buckets=SECONDS_BOUNDS,
            registry=self.registry,
        )
        self.rows = Counter("chainzrule_rows", "Rows predicted.", model, registry=self.registry)
        self.expected_errors = Counter(
            "chainzrule_expected_errors",
            "Sum of 1 - reliability over all rows: beside the row count, an estimate of the error rate without labels.",
            model,
            registry=self.registry,
        )
        self.reliability = ArrayHistogram(
            "chainzrule_reliability",
            "Calibrated probability that the label is right, per row.",
            model,
            SHARE_BOUNDS,
            self.registry,
        )
        self.typicality = ArrayHistogram(
            "chainzrule_typicality",
            "Conformal p-value of the row's Jacobian signature: uniform while nothing has shifted.",
            model,
            SHARE_BOUNDS,
            self.registry,
        )
        self.tail_ratio = ArrayHistogram(
            "chainzrule_tail_ratio",
            "Norm of the row's Jacobian over its mean on the calibration rows.",
            model,
            TAIL_RATIO_BOUNDS,
            self.registry,
        )
        self.batch_rows = Histogram(
            "chainzrule_batch_rows", "Rows in one run.", model, buckets=ROWS_BOUNDS, registry=self.registry
        )
        self.batches = Counter(
            "chainzrule_batches",
            "Runs by why they left: turn of the event loop (short ones), idle engine, waiting until free, full, delay.",
            (*model, "reason"),
            registry=self.registry,
        )
        self.queue_rows = Gauge("chainzrule_queue_rows", "Rows waiting to be run.", registry=self.registry)
        self.queue_limit_rows = Gauge(
            "chainzrule_queue_limit_rows", "Rows that may wait to be run.", registry=self.registry
        )
        self.threads = Gauge("chainzrule_threads", "Threads onnxruntime uses within one run.", registry=self.registry)
        self.errors = Counter(
            "chainzrule_errors", "Requests refused or failed, by the error's code.", ("code",), registry=self.registry
        )
        for code in ERROR_CODES:
            self.errors.labels(code)
        self.model_ready = Gauge(
            "chainzrule_model_ready",
            "1 for every version being served, 0 for one that is not.",
            model,
            registry=self.registry,
        )
        self.model_info = Gauge(
            "chainzrule_model_info",
            "1 for every model version being served.",
            (*model, "sha256"),
            registry=self.registry,
        )
        self.reference_tail_ratio = Gauge(
            "chainzrule_reference_tail_ratio",
            "p99 / mean of the Jacobian norm on the calibration rows.",
            model,
            registry=self.registry,
        )
        self._by_model: dict[tuple[str, int], ModelMetrics] = {}

    def watch(self, engine: Engine) -> None:
        """Read the queue of `engine` at every scrape."""
        self.queue_limit_rows.set(engine.limits.queue_rows)
        self.queue_rows.set_function(lambda: engine.queued_rows)

    def declare_routes(self, routes: Iterable[tuple[str, str]]) -> None:
        """Make the series of requests by route template and method at 0, so that a rate sees the first failure."""
        for route, method in routes:
            for status in STATUSES[method]:
                self.requests.labels(route, method, status)

    def declare_models(self, repository: Repository) -> None:
        """Make every model's series at 0, so that a rate sees the first request, and say which are being served.

        A version that is gone from the repository takes its series with it; one that is not served at the moment does
        not.
        """
        self.model_info.clear()
        self.model_ready.clear()
        self.reference_tail_ratio.clear()
        present: set[tuple[str, int]] = set()
        for state in repository.index():
            present.add((state.name, state.version))
            self.model_ready.labels(state.name, str(state.version)).set(state.state == "READY")
        for model in repository:
            self.of(model)
            present.add((model.manifest.name, model.manifest.version))
            manifest = model.manifest
            labels = (manifest.name, str(manifest.version))
            self.model_info.labels(*labels, manifest.files[MODEL_FILE][:12]).set(1)
            self.reference_tail_ratio.labels(*labels).set(manifest.reference.tail_ratio)
        # A request under way may count itself afterwards: its series are then made anew, and removed the next time.
        for key in self._by_model.keys() - present:
            self._by_model.pop(key).remove()

    def of(self, model: Model) -> ModelMetrics:
        """Return the metrics of a model from the repository."""
        key = (model.manifest.name, model.manifest.version)
        if key not in self._by_model:
            self._by_model[key] = ModelMetrics(self, model)
        return self._by_model[key]

    def record_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count and time a request that was answered; all but `seconds` are labels, and none may be a client's text."""
        self.requests.labels(route, method, str(status)).inc()
        self.request_seconds.labels(route, method).observe(seconds)

    def record_error(self, error: ServiceError) -> None:
        """Count a request that was refused or failed."""
        self.errors.labels(error.code).inc()

    def record_batch(self, dispatch: Dispatch) -> None:
        """Count a run of the engine."""
        self.of(dispatch.model).record_batch(dispatch)

    def exposition(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self.registry)
