"""The rows that were out of distribution, as clients are told of them."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.conftest import Exported
from tests.service.client import Service, serving

USUAL = [20, 5, 1000, 0]
STRANGE = [20.25, 5000, 1000, 0]
"""The pressure is in millibar."""


@pytest.fixture
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository) as service:
        yield service


def test_nothing_stands_in_it_until_something_is_strange(service: Service) -> None:
    service.client.post("/v1/models/plant:predict", json={"instances": [USUAL]})
    answer = service.client.get("/v1/recent")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"workers": 1, "rows": []}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/plant:predict", {"instances": [USUAL, STRANGE]}),
        (
            "/v2/models/plant/infer",
            {"inputs": [{"name": "features", "shape": [2, 4], "datatype": "FP32", "data": [USUAL, STRANGE]}]},
        ),
    ],
)
def test_a_strange_row_of_either_protocol_is_told_by_its_signals_alone(
    service: Service, path: str, body: dict[str, object]
) -> None:
    said = service.client.post("/v1/models/plant:predict", json={"instances": [USUAL, STRANGE]}).json()["predictions"]
    service.client.post(path, json=body, headers={"x-request-id": "a-batch"})
    answer = service.client.get("/v1/recent")
    newest = answer.json()["rows"][0]
    time = datetime.fromisoformat(newest.pop("time"))
    assert 0 <= (datetime.now(UTC) - time).total_seconds() < 60
    reliability = said[1]["reliability"]
    assert reliability["out_of_distribution"]
    assert newest == {
        "request_id": "a-batch",
        "row": 1,
        "model": "plant",
        "version": "1",
        "value": None,
        "label": said[1]["label"],
        "reliability": reliability["score"],
        **{name: reliability[name] for name in ("typicality", "tail_ratio", "boundary_distance")},
    }
    assert not any(str(value) in answer.text for value in STRANGE[:3])


def test_it_is_for_those_with_a_key(exported: Exported) -> None:
    key = "0123456789abcdef"
    with serving(exported.repository, api_keys=key) as closed:
        assert closed.client.get("/v1/recent").status_code == 401
        assert closed.client.get("/v1/recent", headers={"authorization": f"Bearer {key}"}).status_code == 200
