"""Every metric of the service."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from service.errors import ERROR_CODES, ServiceError
from service.inference.canary import Canary
from service.inference.engine import Engine
from service.inference.jobs import Dispatch
from service.inference.model import Model
from service.inference.repository import Repository
from service.manifest import MODEL_FILE
from service.monitoring.array_histogram import ArrayHistogram
from service.monitoring.bounds import ROWS_BOUNDS, SECONDS_BOUNDS, SHARE_BOUNDS, TAIL_RATIO_BOUNDS
from service.monitoring.feature_counts import Counted, FeatureCounts
from service.monitoring.model_metrics import ModelMetrics
from service.monitoring.references import References

STATUSES = {"GET": ("200", "500", "503"), "POST": ("200", "400", "500", "503")}
"""Counted at 0 from the start, some 60 series in all: what alerts are made of, and not whatever else may happen."""

disable_created_metrics()  # type: ignore[no-untyped-call]


_MOST_HELD = 1024
"""Requests that are counted together, which takes a tenth of the time of counting each by itself."""


class _Before(Collector):
    """Calls `act` before the collectors after it are asked, and has nothing to show itself."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        self._act()
        yield from ()


class Metrics:
    """The registry and all that is in it. `model` and `version` label only what the repository holds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Before(self._count_held))
        ProcessCollector(registry=self.registry)
        model = ("model", "version")
        self.requests = Counter(
            "chainzrule_http_requests",
            "Requests answered, by route template.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.request_seconds = ArrayHistogram(
            "chainzrule_http_request_duration_seconds",
            "Time from a request's head to its answer's last byte, by route template.",
            ("route", "method"),
            SECONDS_BOUNDS,
            self.registry,
        )
        self.open_requests = 0
        """being answered now"""
        in_progress = Gauge(
            "chainzrule_http_requests_in_progress", "Requests being answered now.", registry=self.registry
        )
        in_progress.set_function(lambda: self.open_requests)
        self.stage_seconds = ArrayHistogram(
            "chainzrule_stage_duration_seconds",
            "Time a prediction request spends being decoded, waiting, being run (with others, perhaps) and encoded.",
            (*model, "stage"),
            SECONDS_BOUNDS,
            self.registry,
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
        self.features = FeatureCounts(
            Counted("chainzrule_feature_missing", "Values that were not there, by feature."),
            Counted("chainzrule_feature_out_of_range", "Values outside the training minimum to maximum, by feature."),
            model,
            self.registry,
        )
        self.altered_rows = Counter(
            "chainzrule_altered_rows",
            "Rows predicted that were not taken as they came: texts cut to the model's length, images resized.",
            model,
            registry=self.registry,
        )
        self.non_finite = Counter(
            "chainzrule_non_finite",
            "Requests refused because an output of the model was not finite.",
            model,
            registry=self.registry,
        )
        self.feedback_rows = Counter(
            "chainzrule_feedback_rows",
            "Rows whose true label was told, by band of reliability and by whether the answer was right.",
            (*model, "band", "outcome"),
            registry=self.registry,
        )
        self.feedback_expected_errors = Counter(
            "chainzrule_feedback_expected_errors",
            "Sum of 1 - reliability over the rows whose true label was told.",
            (*model, "band"),
            registry=self.registry,
        )
        self.batch_rows = ArrayHistogram("chainzrule_batch_rows", "Rows in one run.", model, ROWS_BOUNDS, self.registry)
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
        self.canary_share = Gauge(
            "chainzrule_canary_share",
            "Share of the requests without a version that a version gets, of models with a canary.",
            model,
            registry=self.registry,
        )
        reference = partial(Gauge, labelnames=model, registry=self.registry)
        self.references = References(
            tail_ratio=reference(
                "chainzrule_reference_tail_ratio", "p99 / mean of the Jacobian norm on the calibration rows."
            ),
            tail_ratio_bound=reference(
                "chainzrule_reference_tail_ratio_bound",
                "1 for the bound of chainzrule_tail_ratio at or just above the reference.",
                labelnames=(*model, "le"),
            ),
            typicality=reference(
                "chainzrule_reference_typicality",
                "Share of rows with a typicality at or below le while nothing has shifted.",
                labelnames=(*model, "le"),
            ),
            calibration_rows=reference(
                "chainzrule_reference_calibration_rows", "Rows that the signals were calibrated on."
            ),
            evaluation_rows=reference("chainzrule_reference_evaluation_rows", "Test rows that the ratios are of."),
            error_ratio=reference("chainzrule_reference_error_ratio", "Share of test rows labelled wrongly."),
            expected_error_ratio=reference(
                "chainzrule_reference_expected_error_ratio", "Mean of 1 - reliability over the test rows."
            ),
            missing_ratio=reference(
                "chainzrule_reference_missing_ratio",
                "Share of training rows without a value of the feature.",
                labelnames=(*model, "feature"),
            ),
        )
        self._by_model: dict[tuple[str, int], ModelMetrics] = {}
        self._answered: dict[tuple[str, str, int], list[float]] = {}
        """seconds of requests not counted yet, by route, method and status"""

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
        self.references.clear()
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
            self.references.declare(manifest)
        # A request under way may count itself afterwards: its series are then made anew, and removed the next time.
        for key in self._by_model.keys() - present:
            self._by_model.pop(key).remove()

    def declare_canary(self, canary: Canary) -> None:
        """Say which versions share a model's requests."""
        self.canary_share.clear()
        for part in canary.parts():
            self.canary_share.labels(part.name, str(part.version)).set(part.share)

    def of(self, model: Model) -> ModelMetrics:
        """Return the metrics of a model from the repository."""
        key = (model.manifest.name, model.manifest.version)
        found = self._by_model.get(key)
        if found is None:
            found = self._by_model[key] = ModelMetrics(self, model.manifest)
        elif found.taken is not model.manifest.input:
            found.take(model.manifest.input)  # the version was loaded anew
        return found

    def find(self, name: str, version: int) -> ModelMetrics | None:
        """Return the metrics of a version, None once it is gone from the repository."""
        return self._by_model.get((name, version))

    def record_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count and time a request that was answered; all but `seconds` are labels, and none may be a client's text."""
        held = self._answered.get((route, method, status))
        if held is None:
            held = self._answered[route, method, status] = []
        held.append(seconds)
        if len(held) >= _MOST_HELD:
            self._count_held()

    def record_error(self, error: ServiceError) -> None:
        """Count a request that was refused or failed."""
        self.errors.labels(error.code).inc()

    def record_batch(self, dispatch: Dispatch) -> None:
        """Count a run of the engine."""
        self.of(dispatch.model).record_batch(dispatch)

    def _count_held(self) -> None:
        """Count what waits to be counted; at every scrape before anything is shown."""
        for (route, method, status), seconds in self._answered.items():
            self.requests.labels(route, method, str(status)).inc(len(seconds))
            self.request_seconds.labels(route, method).observe(np.array(seconds, np.float32))
        self._answered.clear()
        for model in self._by_model.values():
            model.count_held()

    def exposition(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self.registry)
