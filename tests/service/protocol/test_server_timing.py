"""Where the time of a prediction went, told to its client."""

import re

import pytest

from tests.conftest import Exported
from tests.service.client import serving

TENSOR = {"name": "features", "shape": [1, 4], "datatype": "FP32", "data": [20, 5, 1000, 0]}
REQUESTS = {
    "/v1/models/plant:predict": {"instances": [[20, 5, 1000, 0]]},
    "/v2/models/plant/infer": {"inputs": [TENSOR]},
}


@pytest.mark.parametrize("url", REQUESTS)
def test_where_the_time_went_is_said_when_asked_for(exported: Exported, url: str) -> None:
    with serving(exported.repository, server_timing=True) as service:
        answer = service.client.post(url, json=REQUESTS[url])
    assert answer.status_code == 200
    stages = re.findall(r"(\w+);dur=(\d+\.\d{3})(?:, |$)", answer.headers["server-timing"])
    assert [stage for stage, _ in stages] == ["decode", "queue", "run", "encode"]
    assert 0 < sum(float(took) for _, took in stages) < 1000 * answer.elapsed.total_seconds()


@pytest.mark.parametrize("url", REQUESTS)
def test_and_not_otherwise(exported: Exported, url: str) -> None:
    with serving(exported.repository) as service:
        assert "server-timing" not in service.client.post(url, json=REQUESTS[url]).headers
