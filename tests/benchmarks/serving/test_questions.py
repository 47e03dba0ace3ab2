import numpy as np
import orjson
import pytest

from tests.benchmarks.serving.model import ask_rows
from tests.benchmarks.serving.protocols import Asked, binary_tensors, columns, reliable_predictions, tensors
from tests.benchmarks.serving.questions import Answer, find_fault

JSON = orjson.OPT_SERIALIZE_NUMPY


@pytest.fixture(scope="module")
def asked() -> Asked:
    return ask_rows(3)


def right_columns(asked: Asked) -> dict[str, list[object]]:
    return {name: asked.reference[name].tolist() for name in ("label", "probabilities")}


def test_the_right_answer_has_no_fault(asked: Asked) -> None:
    assert find_fault(columns("/")(asked), Answer(200, {}, orjson.dumps(right_columns(asked)))) is None


def test_a_status_is_a_fault(asked: Asked) -> None:
    fault = find_fault(columns("/")(asked), Answer(503, {}, orjson.dumps(right_columns(asked))))
    assert fault is not None
    assert "status 503" in fault


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"label": [0]}', b'{"label": [0], "probabilities": [[1], 2]}'])
def test_what_cannot_be_read_is_a_fault(asked: Asked, body: bytes) -> None:
    fault = find_fault(columns("/")(asked), Answer(200, {}, body))
    assert fault is not None
    assert "no answer can be read" in fault


def test_a_wrong_value_is_a_fault(asked: Asked) -> None:
    answer = right_columns(asked) | {"probabilities": (asked.reference["probabilities"] + 0.01).tolist()}
    fault = find_fault(columns("/")(asked), Answer(200, {}, orjson.dumps(answer)))
    assert fault is not None
    assert "probabilities is off by up to 0.01" in fault


def test_too_few_rows_are_a_fault(asked: Asked) -> None:
    answer = {name: values[:2] for name, values in right_columns(asked).items()}
    fault = find_fault(columns("/")(asked), Answer(200, {}, orjson.dumps(answer)))
    assert fault is not None
    assert "shape" in fault


def test_a_missing_output_is_a_fault(asked: Asked) -> None:
    label = {"name": "label", "shape": [3], "datatype": "INT64", "data": asked.reference["label"]}
    answer = orjson.dumps({"outputs": [label]}, option=JSON)
    assert find_fault(tensors("/")(asked), Answer(200, {}, answer)) == "it holds no probabilities"


def test_every_signal_of_a_prediction_is_compared(asked: Asked) -> None:
    """The service must not be measured with its reliability left out, or made up."""
    classes, features = asked.manifest.classes, asked.manifest.table.names
    rows = [{name: values[row].tolist() for name, values in asked.reference.items()} for row in range(3)]
    predictions = [
        {
            "label": classes[row["label"]],
            "probabilities": dict(zip(classes, row["probabilities"], strict=True)),
            "reliability": row
            | {"score": row["reliability"], "sensitivity": dict(zip(features, row["sensitivity"], strict=True))},
        }
        for row in rows
    ]
    question = reliable_predictions(asked)
    assert find_fault(question, Answer(200, {}, orjson.dumps({"predictions": predictions}))) is None
    predictions[1]["reliability"]["typicality"] += 0.1
    fault = find_fault(question, Answer(200, {}, orjson.dumps({"predictions": predictions})))
    assert fault is not None
    assert "typicality" in fault


def test_binary_tensors_are_read_as_their_header_says(asked: Asked) -> None:
    outputs = [
        {
            "name": name,
            "shape": list(values.shape),
            "datatype": "INT64" if values.dtype == np.int64 else "FP32",
            "parameters": {"binary_data_size": values.nbytes},
        }
        for name, values in asked.reference.items()
    ]
    header = orjson.dumps({"outputs": outputs})
    content = b"".join(values.tobytes() for values in asked.reference.values())
    answer = Answer(200, {"inference-header-content-length": str(len(header))}, header + content)
    assert find_fault(binary_tensors("/")(asked), answer) is None
