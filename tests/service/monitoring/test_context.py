"""What a request is called."""

import re
from collections.abc import Iterator

import pytest

from service.monitoring.context import RequestIdentity, current_request, identify
from tests.conftest import Exported
from tests.service.client import Service, serving

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository, api_keys="a-key-of-some-length") as service:
        yield service


@pytest.mark.parametrize("name", ["abc", "7f9c2ba4-e88f-4b1c", "Root=1-67891233-abcdef012345678912345678", "x" * 128])
def test_a_decent_id_is_taken_and_said_back_even_with_a_refusal(service: Service, name: str) -> None:
    for path in ("/v2/health/live", "/v1/models", "/nothing"):
        assert service.client.get(path, headers={"x-request-id": name}).headers["x-request-id"] == name


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "x" * 129, "a\tb", "%s%n", "\x1b[31m", "a\u0085b", "schlüssel", '"', "{}", "a;b"]
)
def test_an_indecent_one_is_replaced(service: Service, name: str) -> None:
    answer = service.client.get("/v2/health/live", headers={b"x-request-id": name.encode()})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


def test_one_is_made_where_none_came_and_no_two_are_the_same(service: Service) -> None:
    names = {service.client.get("/v2/health/live").headers["x-request-id"] for _ in range(50)}
    assert len(names) == 50


@pytest.mark.parametrize(
    ("parent", "trace"),
    [
        (f"00-{TRACE}-{PARENT}-01", TRACE),
        (f"cc-{TRACE}-{PARENT}-00", TRACE),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE}-{PARENT}-01-more", None),
        (f"00-{TRACE[1:]}-{PARENT}-01", None),
        (f"00-{TRACE}-{PARENT}-01\n", None),
        ("", None),
    ],
)
def test_the_callers_trace_is_known_by_its_w3c_header(parent: str, trace: str | None) -> None:
    assert identify([(b"traceparent", parent.encode())]).trace_id == trace


def test_nobody_is_being_answered_afterwards(service: Service) -> None:
    service.client.get("/v2/health/live", headers={"x-request-id": "abc"})
    assert current_request.get() is None
    assert identify([(b"x-request-id", b"abc")]) == RequestIdentity("abc", None)


def test_while_the_service_drains_connections_are_asked_to_end(exported: Exported) -> None:
    with serving(exported.repository) as service:
        assert "connection" not in service.client.get("/v1/models").headers
        service.core.health.draining = True
        assert service.client.get("/v1/models").headers["connection"] == "close"
