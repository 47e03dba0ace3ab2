"""Spans, as a collector receives them over HTTP."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError

from service import settings as settings_module
from service.monitoring.logs import JsonFormatter
from service.settings import Settings
from tests.conftest import Exported
from tests.service.client import Service, serving

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PREDICT = "/v1/models/plant:predict"
BODY = {"instances": [[20, 5, 1000, 0]] * 3}


class Collector(ThreadingHTTPServer):
    """Keeps what it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, dict[str, str], ExportTraceServiceRequest]] = []

    @property
    def resource(self) -> dict[str, Any]:
        return attributes(self.received[0][2].resource_spans[0].resource)

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for _, _, message in self.received
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def servers(self) -> list[Any]:
        return [span for span in self.spans if span.kind == span.SPAN_KIND_SERVER]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        message = ExportTraceServiceRequest()
        message.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
        assert isinstance(self.server, Collector)
        self.server.received.append((self.path, dict(self.headers), message))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def attributes(of: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        yield collector


@contextmanager
def traced(exported: Exported, **settings: Any) -> Iterator[Service]:
    """Serve with traces; they are all out when this ends."""
    with serving(exported.repository, traces=True, **settings) as service:
        yield service


def test_a_prediction_is_a_span_of_the_callers_trace_with_a_child_for_each_stage(
    exported: Exported, collector: Collector
) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
    with traced(exported) as service:
        assert service.client.post(PREDICT + "?token=secret", json=BODY, headers=headers).status_code == 200
    (server,) = collector.servers
    assert server.name == "POST /v1/models/{name}:predict"
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
    found = attributes(server)
    assert found["http.request.method"] == "POST"
    assert found["http.route"] == "/v1/models/{name}:predict"
    assert found["http.response.status_code"] == 200
    assert (found["url.scheme"], found["url.path"]) == ("http", PREDICT)
    assert (found["server.address"], found["client.address"]) == ("testserver", "testclient")
    assert found["chainzrule.model.name"] == "plant"
    assert (found["chainzrule.model.version"], found["chainzrule.rows"]) == ("1", 3)
    assert "secret" not in str(server)
    assert server.status.code == server.status.STATUS_CODE_UNSET
    children = [span for span in collector.spans if span is not server]
    assert [span.name for span in children] == ["decode", "queue", "run", "encode"]
    for child in children:
        assert (child.trace_id, child.parent_span_id) == (server.trace_id, server.span_id)
        assert server.start_time_unix_nano - 2000 <= child.start_time_unix_nano
        assert child.start_time_unix_nano <= child.end_time_unix_nano <= server.end_time_unix_nano + 2000
    starts = [span.start_time_unix_nano for span in children]
    assert starts == sorted(starts)


def test_the_standard_variables_are_heeded(
    exported: Exported, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with traced(exported) as service:
        service.client.get("/v2")
    (path, headers, _), resource = collector.received[0], collector.resource
    assert (path, resource["service.name"]) == ("/v1/traces", "chainzrule")
    assert resource["service.version"]
    collector.received.clear()
    monkeypatch.setenv("OTEL_SERVICE_NAME", "grader")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=plant")
    with traced(exported) as service:
        service.client.get("/v2")
    headers = {name.lower(): value for name, value in collector.received[0][1].items()}
    assert (collector.resource["service.name"], headers["x-tenant"]) == ("grader", "plant")
    collector.received.clear()
    for variable, value in (("OTEL_TRACES_SAMPLER", "always_off"), ("OTEL_TRACES_EXPORTER", "none")):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            with traced(exported) as service:
                assert service.client.post(PREDICT, json=BODY).status_code == 200
    assert collector.received == []


def test_a_caller_who_does_not_sample_is_followed(exported: Exported, collector: Collector) -> None:
    with traced(exported) as service:
        service.client.get("/v2", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert collector.received == []


def test_health_and_metrics_are_not_traced(exported: Exported, collector: Collector) -> None:
    with traced(exported) as service:
        for path in ("/v2/health/live", "/v2/health/ready", "/metrics"):
            assert service.client.get(path).status_code == 200
    assert collector.received == []


def test_a_refusal_is_named_by_its_code_and_is_no_error_of_the_server(exported: Exported, collector: Collector) -> None:
    with traced(exported, api_keys="a-key-of-some-length") as service:
        service.client.headers["authorization"] = "Bearer a-key-of-some-length"
        service.client.post(PREDICT, content=b"{")
        service.client.get("/a/path/" + "x" * 1000)
        service.client.request("BREW", "/v2")
        del service.client.headers["authorization"]
        service.client.get("/v2", headers={"authorization": "Bearer wrong"})
    spans = [(span.name, attributes(span)) for span in collector.servers]
    assert [(name, found["chainzrule.error.code"]) for name, found in spans] == [
        ("POST /v1/models/{name}:predict", "malformed_request"),
        ("GET", "not_found"),
        ("HTTP /v2", "method_not_allowed"),
        ("GET", "unauthorized"),
    ]
    assert len(spans[1][1]["url.path"]) == 200
    assert "http.route" not in spans[1][1]
    assert spans[2][1]["http.request.method"] == "_OTHER"
    assert all("error.type" not in found for _, found in spans)
    assert all(span.status.code == span.status.STATUS_CODE_UNSET for span in collector.servers)
    assert "a-key-of-some-length" not in str(collector.received)


def test_a_failure_is_an_error_with_its_exception(
    exported: Exported, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a broken disk")

    with traced(exported) as service:
        monkeypatch.setattr(service.core.repository, "get", fail)
        assert "disk" not in service.client.get("/v1/models/plant").text
    (span,) = collector.servers
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert attributes(span)["error.type"] == "internal_error"
    (event,) = span.events
    assert attributes(event)["exception.message"] == "a broken disk"


def test_logs_name_the_trace_and_the_span(
    exported: Exported, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(JsonFormatter())
    caplog.set_level(logging.DEBUG, "service.monitoring.middleware")
    with traced(exported) as service:
        service.client.get("/v2")
    (line,) = (json.loads(line) for line in caplog.text.splitlines() if "request answered" in line)
    (span,) = collector.servers
    assert (line["trace_id"], line["span_id"]) == (span.trace_id.hex(), span.span_id.hex())


def test_a_collector_that_is_away_hurts_no_request(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with traced(exported) as service:
        assert service.client.post(PREDICT, json=BODY).status_code == 200


def test_without_the_extra_the_start_is_refused_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(settings_module, "find_spec", absent)
    with pytest.raises(ValidationError, match=r"pip install 'chainzrule\[traces\]'"):
        Settings(repository=tmp_path, traces=True)
    assert Settings(repository=tmp_path).traces is False


def test_nothing_of_the_sdk_is_imported_when_traces_are_off(exported: Exported) -> None:
    program = f"""
import sys
from pathlib import Path
from service.app import create_app
from service.core import make_core
from service.settings import Settings
create_app(make_core(Settings(repository=Path({str(exported.repository)!r}))))
sys.exit(str([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert result.stderr.strip().splitlines()[-1] == "[]"
