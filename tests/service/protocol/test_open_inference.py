import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.manifest import OUTPUTS
from tests.conftest import FEATURES, Exported, make_table
from tests.service.client import Service, serving

URL = "/v2/models/plant/infer"
ROW = [25.5, 6.0, 800.0, 0.5]


@pytest.fixture(scope="module")
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository, max_rows=100) as service:
        yield service


def request(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "features", "shape": [1, 4], "datatype": "FP32", "data": ROW, **changes}]}


def test_health_and_server_metadata(service: Service) -> None:
    assert service.client.get("/v2/health/live").json() == {"live": True}
    assert service.client.get("/v2/health/ready").json() == {"ready": True, "live": True}
    for path in ("/v2", "/v2/"):
        metadata = service.client.get(path).json()
        assert metadata["name"] == "chainzrule"
        assert metadata["extensions"] == ["binary_tensor_data"]
    assert service.client.get("/v2/models").json() == {"models": ["plant"]}
    assert service.client.get("/v2/health/live/").status_code == 404


def test_a_service_without_models_is_alive_and_not_ready(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        assert service.client.get("/v2/health/live").status_code == 200
        ready = service.client.get("/v2/health/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)


@pytest.mark.parametrize("path", ["/v2/models/plant", "/v2/models/plant/versions/1"])
def test_model_metadata_lists_every_tensor(service: Service, path: str) -> None:
    metadata = service.client.get(path).json()
    assert (metadata["name"], metadata["versions"], metadata["platform"]) == ("plant", ["1"], "onnx_onnxv1")
    assert metadata["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}]
    assert json.loads(metadata["properties"]["classes"]) == ["high", "low", "medium"]
    assert json.loads(metadata["properties"]["features"]) == list(FEATURES)
    outputs = {output["name"]: (output["datatype"], output["shape"]) for output in metadata["outputs"]}
    assert list(outputs) == [output.name for output in OUTPUTS]
    assert outputs["label"] == ("INT64", [-1])
    assert outputs["sensitivity"] == ("FP32", [-1, 4])
    assert service.client.get(path + "/ready").json() == {"name": "plant", "ready": True}


def test_metadata_says_whether_classes_are_levels(ordinal: Exported, service: Service) -> None:
    assert service.client.get("/v2/models/plant").json()["properties"]["task"] == "classification"
    with serving(ordinal.repository) as other:
        metadata = other.client.get("/v2/models/stars").json()
    assert metadata["properties"]["task"] == "ordinal"
    assert metadata["outputs"][-1] == {"name": "expected_level", "datatype": "FP32", "shape": [-1]}


def test_every_output_comes_back_with_its_shape(service: Service) -> None:
    table = make_table(9, seed=6)[0].to_numpy(np.float32)
    data = [None if np.isnan(value) else float(value) for value in table.ravel()]
    response = service.client.post(URL, json={"id": "a1", **request(shape=[9, 4], data=data)})
    assert response.status_code == 200
    answer = response.json()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("a1", "plant", "1")
    reference = service.core.repository.get("plant").manifest.reference
    assert answer["parameters"] == {
        "jacobian": "margin",
        "calibration_rows": reference.rows,
        "reference_tail_ratio": reference.tail_ratio,
        "smallest_typicality": reference.smallest_typicality,
    }
    scores = service.core.repository.get("plant").score(table)
    for output in answer["outputs"]:
        expected = scores[output["name"]]
        assert output["shape"] == list(expected.shape)
        np.testing.assert_allclose(np.reshape(output["data"], expected.shape), expected, rtol=1e-6)
    assert len(answer["outputs"]) == len(OUTPUTS)


def test_outputs_can_be_chosen_data_may_be_nested_and_an_id_is_not_invented(service: Service) -> None:
    url = "/v2/models/plant/versions/1/infer"
    chosen = [{"name": "reliability"}, {"name": "label", "parameters": {"binary_data": False}}]
    answer = service.client.post(url, json={**request(data=[ROW]), "outputs": chosen}).json()
    assert [output["name"] for output in answer["outputs"]] == ["reliability", "label"]
    assert "id" not in answer
    flat = service.client.post(url, json={**request(), "outputs": chosen}).json()
    assert answer == flat


def test_null_is_what_may_be_left_out_and_unknown_parameters_are_ignored(service: Service) -> None:
    plain = service.client.post(URL, json=request()).json()
    nulls = {**request(parameters=None), "id": None, "outputs": None, "parameters": None}
    assert service.client.post(URL, json=nulls).json() == plain
    ignored = {"timeout": 1, "priority": 2, "sequence_id": "a", "sequence_start": True, "colour": 0.5}
    assert service.client.post(URL, json={**request(parameters=ignored), "parameters": ignored}).json() == plain


def test_a_model_that_is_known_and_not_served_is_a_503_to_be_tried_again(exported: Exported) -> None:
    with serving(exported.repository) as service:
        service.core.repository.unload("plant")
        for path in ("/v2/models/plant/ready", "/v2/models/plant/versions/1/ready", "/v2/models/plant"):
            response = service.client.get(path)
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            assert isinstance(response.json()["error"], str)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        ({}, "missing required field `inputs`"),
        ({"inputs": []}, "the inputs are none and the model takes one, 'features'"),
        ({"inputs": request()["inputs"] * 2}, "the inputs are 'features', 'features'"),
        (request(name="feature"), "the inputs are 'feature'"),
        (request(datatype="INT64"), "not numbers: Expected `int`"),
        (request(datatype="INT8", data=[1, 300, 3, 4]), "a number of features is no INT8"),
        (request(datatype="FP16"), "FP16, which has no JSON form"),
        (request(datatype="BOOL"), "datatype 'BOOL': send FP32"),
        (request(shape=[4]), "shape [4]: send [rows, 4]"),
        (request(shape=[1, 5]), "shape [1, 5]"),
        (request(shape=[-1, 4]), "shape [-1, 4]"),
        (request(shape=[2, 4]), "has 4 numbers and its shape [2, 4] needs 8"),
        (request(data=[1.0] * 5000), "has 5000 numbers and its shape [1, 4] needs 4"),
        (b'{"inputs": [{"name": "features", "shape": [1, 1], "datatype": "FP32", "data": [NaN]}]}', "JSON has no NaN"),
        (request(shape=[0, 4], data=[]), "no rows"),
        (request(data=[1, "2", 3, 4]), "not numbers"),
        (request(data=[1, True, 3, 4]), "not numbers"),
        (request(data=[[1, 2], [3]]), "differ in length"),
        (request(data=[[[1, 2, 3, 4]]]), "not numbers"),
        (request(data="1234"), "not numbers"),
        (request(data=[1, None, 3, 4]), "pressure of row 0 is missing"),
        (request(data=[1, 1e39, 3, 4]), "too large for a 32-bit float"),
        ({**request(), "outputs": [{"name": "score"}]}, "no output is called 'score'; there are label, probabilities"),
        ({**request(), "outputs": [{"name": "label"}] * 2}, "the output label is asked for twice"),
        ({**request(), "id": 7}, "Expected `str"),
        ({**request(), "id": None, "parameters": {"a": [1]}}, "Expected `"),
    ],
)
def test_a_bad_request_is_refused_with_the_protocols_error(service: Service, body: object, words: str) -> None:
    response = service.client.post(URL, content=body if isinstance(body, bytes) else json.dumps(body).encode())
    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    assert words in response.json()["error"]


LONG = "x" * 300_000


@pytest.mark.parametrize(
    "body",
    [
        request(name=LONG),
        {"inputs": request()["inputs"] * 9000},
        request(datatype=LONG),
        request(shape=[1] * 100_000),
        request(parameters={"binary_data_size": LONG}),
        request(name=LONG, parameters={"binary_data_size": LONG}),
        request(data=None, parameters={"binary_data_size": 10**4000}),
        request(name=LONG, parameters={"classification": 1}),
        {**request(), "outputs": [{"name": LONG}]},
        {**request(), "outputs": [{"name": LONG, "parameters": {"shared_memory_region": 1}}]},
        {**request(), "outputs": [{"name": "label", "parameters": {"binary_data": LONG}}]},
        {**request(), "parameters": {"binary_data_output": LONG}},
        {**request(), "parameters": {LONG: []}},
    ],
)
def test_a_refusal_repeats_little_of_what_the_client_wrote(service: Service, body: object) -> None:
    response = service.client.post(URL, content=json.dumps(body).encode())
    assert response.status_code == 400
    assert len(response.content) < 1000


def test_too_many_rows_are_refused_before_their_data_is_decoded(service: Service) -> None:
    response = service.client.post(URL, json=request(shape=[101, 4], data=[]))
    assert response.status_code == 413
    assert "101 rows are more than the 100 allowed" in response.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/mill", 404),
        ("GET", "/v2/models/plant/versions/7/ready", 404),
        ("POST", "/v2/models/mill/infer", 404),
        ("GET", "/v2/nothing", 404),
        ("PUT", "/v2/health/live", 405),
    ],
)
def test_unknown_models_paths_and_methods_have_the_protocols_error_too(
    service: Service, method: str, path: str, status: int
) -> None:
    response = service.client.request(method, path)
    assert response.status_code == status
    assert isinstance(response.json()["error"], str)
