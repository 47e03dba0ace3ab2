"""Images through /v2."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton

from service.errors import ServiceError
from service.inference.model import Model
from service.inference.rows import RowLimits
from service.manifest import OUTPUTS
from service.protocol.tensors import TensorCodec, Tensors
from tests.conftest import Exported
from tests.service.made_images import HEIGHT, WIDTH, image_input, smooth, write_images
from tests.service.process import Process, running

IMAGES = np.stack([np.asarray(smooth(seed=seed)) for seed in range(3)])
LIMITS = RowLimits(rows=10, pixels=1000)


@pytest.fixture(scope="module")
def model(images: Exported) -> Model:
    return Model.load(images.folder, threads=1)


@pytest.fixture(scope="module")
def process(images: Exported) -> Iterator[Process]:
    with running(images.repository, "--threads", "1") as process:
        yield process


def tensor(**changed: Any) -> dict[str, Any]:
    usual = {"name": "image", "shape": list(IMAGES.shape), "datatype": "UINT8", "data": IMAGES.ravel().tolist()}
    return {key: value for key, value in (usual | changed).items() if value is not ...}


def read(model: Model, content: dict[str, Any], binary: bytes | None = None) -> Any:
    json_part = json.dumps({"inputs": [content]}).encode()
    headers = {} if binary is None else {"inference-header-content-length": str(len(json_part))}
    return TensorCodec(Tensors(model, LIMITS), headers).read(json_part + (binary or b""))


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_data_may_be_nested_down_to_any_dimension(model: Model, depth: int) -> None:
    data = IMAGES.reshape(*IMAGES.shape[: depth - 1], -1)
    assert np.array_equal(read(model, tensor(data=data.tolist())), IMAGES)


def test_binary_data_are_the_pixels(model: Model) -> None:
    content = tensor(data=..., parameters={"binary_data_size": IMAGES.nbytes})
    assert np.array_equal(read(model, content, IMAGES.tobytes()), IMAGES)


def test_a_body_may_be_pixels_and_nothing_else(model: Model) -> None:
    codec = TensorCodec(Tensors(model, LIMITS), {"inference-header-content-length": "0"})
    assert np.array_equal(codec.read(IMAGES.tobytes()), IMAGES)
    assert codec.altered == 0
    with pytest.raises(ServiceError, match="431 bytes, and an image of image takes 144"):
        codec.read(IMAGES.tobytes()[:-1])


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"datatype": "FP32"}, "wrong_type", "send UINT8"),
        ({"shape": [3, 3, HEIGHT, WIDTH]}, "wrong_type", "send [rows, 6, 8, 3], which is rows, height"),
        ({"shape": [3, HEIGHT * WIDTH * 3]}, "wrong_type", "has shape [3, 144]"),
        ({"shape": [-1, HEIGHT, WIDTH, 3]}, "wrong_type", "has shape [-1, 6, 8, 3]"),
        ({"shape": [0, HEIGHT, WIDTH, 3], "data": []}, "empty_batch", "no rows"),
        ({"shape": [11, HEIGHT, WIDTH, 3]}, "too_many_rows", "11 rows"),
        ({"shape": [2, HEIGHT, WIDTH, 3]}, "wrong_type", "has 432 values and its shape [2, 6, 8, 3] needs 288"),
        ({"data": [[1] * 144, [1] * 288]}, "wrong_type", "not nested as its shape"),
        ({"data": [256] + [1] * 431}, "wrong_type", "from 0 to 255 in row 0: Expected `int` <= 255"),
        ({"data": [1] * 431 + [-1]}, "wrong_type", "in row 2"),
        ({"data": [1.5] + [1] * 431}, "wrong_type", "got `float`"),
        ({"data": [None] + [1] * 431}, "wrong_type", "got `null`"),
        ({"data": ["é[,"] + [1] * 430}, "wrong_type", "not nested"),
        ({"data": ...}, "malformed_request", "neither data nor binary_data_size"),
        ({"name": "features"}, "unknown_feature", "the model takes one, 'image'"),
    ],
)  # fmt: skip
def test_a_tensor_that_is_no_images_of_the_model_is_refused(
    model: Model, changed: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        read(model, tensor(**changed))
    assert refused.value.code == code
    assert words in refused.value.message


def test_pixels_are_bounded(model: Model) -> None:
    with pytest.raises(ServiceError) as refused:
        TensorCodec(Tensors(model, RowLimits(rows=10, pixels=143)), {}).read(
            json.dumps({"inputs": [tensor()]}).encode()
        )
    assert refused.value.code == "too_many_pixels"


def test_sensitivities_are_bounded_in_json_and_not_in_binary(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.protocol.predict_codec.MOST_SENSITIVITIES", 2 * HEIGHT * WIDTH)
    model = Model.load(write_images(tmp_path_factory.mktemp("grey"), "sketches", image_input("L")), threads=1)
    data = np.zeros((3, HEIGHT, WIDTH, 1), np.uint8)
    content: dict[str, Any] = {
        "inputs": [tensor(shape=list(data.shape), data=data.ravel().tolist())],
        "outputs": [{"name": "sensitivity"}],
    }

    def taken() -> int:
        return len(TensorCodec(Tensors(model, LIMITS), {}).read(json.dumps(content).encode()))

    with pytest.raises(ServiceError) as refused:
        taken()
    assert refused.value.code == "too_many_rows"
    content["outputs"] = [{"name": "sensitivity", "parameters": {"binary_data": True}}, {"name": "label"}]
    assert taken() == 3


@pytest.mark.parametrize("binary", [False, True])
def test_tritonclient_is_answered_what_the_graph_says(process: Process, model: Model, binary: bool) -> None:
    given = triton.InferInput("image", list(IMAGES.shape), "UINT8")
    given.set_data_from_numpy(IMAGES, binary_data=binary)
    asked = [triton.InferRequestedOutput(output.name, binary_data=binary) for output in OUTPUTS]
    with triton.InferenceServerClient(process.url.removeprefix("http://")) as client:
        described = client.get_model_metadata("photos")
        answer = client.infer("photos", [given], outputs=asked)
    assert described["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, HEIGHT, WIDTH, 3]}]
    assert described["properties"]["with_respect_to"] == "pixels"
    expected = model.score(IMAGES)
    for output in OUTPUTS:
        np.testing.assert_allclose(answer.as_numpy(output.name), expected[output.name], rtol=1e-5, atol=1e-6)
