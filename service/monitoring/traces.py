"""OpenTelemetry traces: a span for every request, and in it one for each stage of a prediction.

Needs the extra `traces`, and is imported only where traces are wanted.
"""

import os
from collections.abc import Iterator
from time import perf_counter, time_ns

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import __version__
from service.monitoring.context import current_request
from service.monitoring.middleware import UNMATCHED, method_of, route_of
from service.monitoring.prediction import PREDICTION_KEY, Prediction
from service.protocol.authentication import HEALTH_PREFIX, METRICS_PATH
from service.protocol.error_responses import CODE_KEY, FAILURE_KEY

_LONGEST_PATH = 200


def make_provider() -> TracerProvider:
    """Return what makes spans and exports them by OTLP over HTTP, as the standard OTEL_* variables say."""
    resource = Resource.create({SERVICE_VERSION: __version__})
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "chainzrule"}))
    # The application ends it; an exit that waits for a collector once more helps nobody.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "none":
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class RequestTraces:
    """Makes a span for every request but those of health and metrics, in the caller's trace where it sent one.

    Args:
        app: what is called.
        provider: of spans.
    """

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self._app = app
        self._tracer: Tracer = provider.get_tracer("chainzrule", __version__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith(HEALTH_PREFIX) or path == METRICS_PATH:
            await self._app(scope, receive, send)
            return
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        # An empty context: a pipelined request begins in the one of the request before it.
        parent = propagate.extract(carrier, context=Context())
        span = self._tracer.start_span(
            _named(scope), parent, SpanKind.SERVER, attributes=dict(_request_attributes(scope))
        )
        identity, context = current_request.get(), span.get_span_context()
        if identity is not None and context.is_valid:
            current_request.set(
                identity._replace(trace_id=f"{context.trace_id:032x}", span_id=f"{context.span_id:016x}")
            )
        status: int | None = None

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            if span.is_recording():
                self._finish(span, scope, status)
            span.end()

    def _finish(self, span: Span, scope: Scope, status: int | None) -> None:
        """Say what became of a request."""
        if (route := route_of(scope)) != UNMATCHED:
            span.update_name(f"{_named(scope)} {route}")
            span.set_attribute("http.route", route)
        if status is not None:
            span.set_attribute("http.response.status_code", status)
        code = scope.get(CODE_KEY)
        if code is not None:
            span.set_attribute("chainzrule.error.code", code)
        if (failure := scope.get(FAILURE_KEY)) is not None:
            span.record_exception(failure)
        # By the conventions a client's fault is no error of the server's span.
        if status is None or status >= 500:
            span.set_attribute("error.type", code or str(status))
            span.set_status(StatusCode.ERROR)
        if (prediction := scope.get(PREDICTION_KEY)) is not None:
            self._add_stages(span, prediction)

    def _add_stages(self, span: Span, prediction: Prediction) -> None:
        span.set_attribute("chainzrule.model.name", prediction.model)
        span.set_attribute("chainzrule.model.version", prediction.version)
        if prediction.rows is not None:
            span.set_attribute("chainzrule.rows", prediction.rows)
        context = set_span_in_context(span, Context())
        now = time_ns() - round(perf_counter() * 1e9)
        for stage, start, seconds in _timeline(prediction):
            child = self._tracer.start_span(stage, context, start_time=now + round(start * 1e9))
            child.end(now + round((start + seconds) * 1e9))


def _named(scope: Scope) -> str:
    method = method_of(scope)
    return "HTTP" if method == "other" else method


def _timeline(prediction: Prediction) -> Iterator[tuple[str, float, float]]:
    """Yield every stage that a prediction came through, its start and its length."""
    start = prediction.began
    stages = {} if prediction.decode is None else {"decode": prediction.decode}
    if prediction.stages is not None:
        stages = prediction.stages._asdict()
    for stage, seconds in stages.items():
        if stage == "encode" and prediction.ended is not None:
            # The answer waited for the event loop before it was written.
            start = prediction.ended - seconds
        yield stage, start, seconds
        start += seconds


def _request_attributes(scope: Scope) -> Iterator[tuple[str, str | int]]:
    """Yield what the semantic conventions for HTTP say of a request; its query is left out, it may hold anything."""
    yield "http.request.method", scope["method"] if method_of(scope) != "other" else "_OTHER"
    yield "url.scheme", scope.get("scheme", "http")
    yield "url.path", scope["path"][:_LONGEST_PATH]
    yield "network.protocol.version", scope.get("http_version", "1.1")
    if (server := scope.get("server")) is not None:
        yield "server.address", server[0]
        if server[1] is not None:
            yield "server.port", server[1]
    if (client := scope.get("client")) is not None:
        yield "client.address", client[0]
