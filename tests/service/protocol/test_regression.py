"""A model of numbers, asked and told in every way that there is."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from service.manifest import REGRESSION_OUTPUTS
from service.version_folder import read_manifest
from tests.conftest import FEATURES, Exported
from tests.service.client import Service, serving

ROW = {"temperature": 21.5, "pressure": 5.5, "flow rate": None, "age": 0.3}
STRANGE = {"temperature": 900.0, "pressure": -80.0, "flow rate": 1e6, "age": 40.0}


@pytest.fixture(scope="module")
def service(regression: Exported) -> Iterator[Service]:
    with serving(regression.repository, feedback_rows=1000) as service:
        yield service


def ask(service: Service, *rows: object) -> dict[str, Any]:
    answer = service.client.post("/v1/models/yield:predict", json={"instances": rows})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_prediction_is_a_value_an_interval_and_its_reliability(service: Service, regression: Exported) -> None:
    [usual, strange] = ask(service, ROW, STRANGE)["predictions"]
    assert list(usual) == ["value", "interval", "reliability"]
    assert list(usual["interval"]) == ["lower", "upper", "coverage"]
    assert usual["interval"]["coverage"] == 0.9
    assert usual["interval"]["lower"] < usual["value"] < usual["interval"]["upper"]
    signals = ["score", "advice", "typicality", "out_of_distribution", "jacobian_norm", "tail_ratio", "sensitivity"]
    assert list(usual["reliability"]) == signals
    assert list(usual["reliability"]["sensitivity"]) == list(FEATURES)
    assert not usual["reliability"]["out_of_distribution"]
    assert strange["reliability"]["out_of_distribution"]
    assert strange["reliability"]["score"] < usual["reliability"]["score"]
    # Pulled to what a constant would get right.
    chance = read_manifest(regression.folder).reference.reliability_weights[2]
    assert strange["reliability"]["score"] == pytest.approx(chance, abs=0.02)


def test_many_rows_without_sensitivity_are_answered_as_one_by_one(service: Service) -> None:
    rows = [{**ROW, "age": age} for age in np.linspace(-1, 1, 300).tolist()]
    body = {"instances": rows, "parameters": {"sensitivity": False}}
    together = service.client.post("/v1/models/yield:predict", json=body).json()["predictions"]
    assert len(together) == 300
    assert all("sensitivity" not in one["reliability"] for one in together)
    [alone] = ask(service, rows[123])["predictions"]
    assert together[123]["value"] == pytest.approx(alone["value"], rel=1e-5)


def test_the_open_protocol_has_its_tensors_and_says_what_they_are(service: Service) -> None:
    metadata = service.client.get("/v2/models/yield").json()
    assert [output["name"] for output in metadata["outputs"]] == [output.name for output in REGRESSION_OUTPUTS]
    assert metadata["properties"]["task"] == "regression"
    assert metadata["properties"]["target"] == "yield"
    assert metadata["properties"]["unit"] == "kg/h"
    assert json.loads(metadata["properties"]["coverage"]) == 0.9
    assert "classes" not in metadata["properties"]
    tensor = {"name": "features", "shape": [1, 4], "datatype": "FP32", "data": [21.5, 5.5, None, 0.3]}
    answer = service.client.post("/v2/models/yield/infer", json={"inputs": [tensor]}).json()
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    [prediction] = ask(service, ROW)["predictions"]
    assert outputs["value"][0] == pytest.approx(prediction["value"], rel=1e-6)
    assert outputs["upper"][0] == pytest.approx(prediction["interval"]["upper"], rel=1e-6)


def test_feedback_is_a_true_value_right_within_the_tolerance(service: Service, regression: Exported) -> None:
    tolerance = read_manifest(regression.folder).predicted.tolerance
    answer = ask(service, ROW, ROW, ROW)
    values = [prediction["value"] for prediction in answer["predictions"]]
    told = [
        {"id": answer["id"], "row": 0, "value": values[0] + 0.99 * tolerance},
        {"id": answer["id"], "row": 1, "value": values[1] + 1.01 * tolerance},
        {"id": answer["id"], "row": 2, "label": "high"},
        {"id": answer["id"], "row": 2, "value": "high"},
    ]
    found = service.client.post("/v1/models/yield:feedback", json={"feedback": told}).json()
    assert found["accepted"] == 2
    assert [refused["code"] for refused in found["refused"]] == ["feedback_label", "malformed_request"]
    assert "tell the true one as value" in found["refused"][0]["message"]
    counted = {name: count for name, count in service.samples().items() if "feedback_rows_total" in name}
    for outcome in ("confirmed", "wrong"):
        assert sum(count for name, count in counted.items() if f"outcome={outcome}" in name) == 1


def test_metrics_count_its_rows_and_expected_errors(service: Service, regression: Exported) -> None:
    def read(name: str) -> float:
        return service.samples()[f"{name}{{model=yield,version=1}}"]

    rows, errors = read("chainzrule_rows_total"), read("chainzrule_expected_errors_total")
    [prediction] = ask(service, ROW)["predictions"]
    assert read("chainzrule_rows_total") == rows + 1
    assert read("chainzrule_expected_errors_total") - errors == pytest.approx(
        1 - prediction["reliability"]["score"], abs=1e-5
    )
    accuracy = read_manifest(regression.folder).evaluation.accuracy
    assert read("chainzrule_reference_error_ratio") == pytest.approx(1 - accuracy)


def test_a_strange_row_is_listed_with_its_value(service: Service) -> None:
    ask(service, STRANGE)
    latest = service.client.get("/v1/recent").json()["rows"][0]
    assert latest["model"] == "yield"
    assert latest["label"] is None
    assert latest["boundary_distance"] is None
    assert isinstance(latest["value"], float)


def test_the_description_has_examples_that_are_answered_as_they_stand(service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    for path in ("/v1/models/{name}:predict", "/v2/models/{name}/infer"):
        examples = paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        answer = service.client.post(path.format(name="yield"), json=examples["yield"]["value"])
        assert answer.status_code == 200, answer.text
    told = paths["/v1/models/{name}:feedback"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert set(told["yield"]["value"]["feedback"][0]) == {"id", "row", "value"}
