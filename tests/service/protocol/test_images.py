"""Images through /v1."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ServiceError
from service.inference.rows import RowLimits
from service.protocol.images import ImageReader
from tests.conftest import Exported
from tests.service.client import Service, serving
from tests.service.inference.test_images import headed
from tests.service.made_images import HEIGHT, WIDTH, image_input, picture, smooth

GREY, COLOUR = image_input("L", "refuse"), image_input("RGB", "stretch")
LIMITS = RowLimits(rows=10, pixels=1000)
PNG = picture()
TEXT = b64encode(PNG).decode()
PIXELS = np.asarray(smooth())
GREYS = np.asarray(smooth().convert("L"))


@pytest.fixture(scope="module")
def service(images: Exported) -> Iterator[Service]:
    with serving(images.repository, max_rows=50, max_image_pixels=10_000) as service:
        yield service


def body(*instances: object, **more: object) -> bytes:
    return json.dumps({"instances": instances, **more}).encode()


@pytest.mark.parametrize(
    "instance",
    [
        TEXT,
        {"b64": TEXT},
        f"data:image/png;base64,{TEXT}",
        {"b64": f"data:image/png;base64,{TEXT}"},
        "\r\n".join(TEXT[start : start + 20] for start in range(0, len(TEXT), 20)) + "\n",
        PIXELS.tolist(),
    ],
)
def test_an_image_is_the_same_however_it_is_sent(instance: object) -> None:
    asked = ImageReader(COLOUR, LIMITS).read(body(instance, instance))
    assert np.array_equal(asked.rows, [PIXELS, PIXELS])
    assert not asked.sensitivity
    assert asked.altered is not None
    assert not asked.altered.any()


def test_a_grey_image_is_lines_of_numbers() -> None:
    asked = ImageReader(GREY, LIMITS).read(body(GREYS.tolist()))
    assert np.array_equal(asked.rows[0, :, :, 0], GREYS)


def test_rows_that_were_resized_are_told() -> None:
    larger = b64encode(picture("RGB", 20, 15)).decode()
    asked = ImageReader(COLOUR, LIMITS).read(body(TEXT, larger, PIXELS.tolist(), parameters={"sensitivity": True}))
    assert asked.altered is not None
    assert asked.altered.tolist() == [False, True, False]
    assert asked.sensitivity


@pytest.mark.parametrize(
    ("instance", "code", "words"),
    [
        (7, "wrong_type", "row 1 is a number: send a PNG or JPEG file in base64"),
        (None, "wrong_type", "row 1 is null"),
        (True, "wrong_type", "row 1 is a boolean"),
        ({}, "wrong_type", "missing required field `b64`"),
        ({"b64": 7}, "wrong_type", "Expected `str`"),
        ({"b64": TEXT, "more": 1}, "wrong_type", "unknown field `more`"),
        ("", "invalid_image", "is empty"),
        ("no base 64!", "invalid_image", "the image of row 1 is not base64"),
        ("é", "invalid_image", "is not base64"),
        (TEXT[:-3], "invalid_image", "is not base64"),
        (TEXT + TEXT, "invalid_image", "is not base64"),
        ("data:image/png," + TEXT, "invalid_image", "data URL without base64"),
        ("data:image/png;base64", "invalid_image", "data URL without base64"),
        (b64encode(PNG[:-7]).decode(), "invalid_image", "is cut short"),
        (b64encode(picture("L")).decode(), "invalid_image", "is grey"),
        (b64encode(headed(20_000, 20_000)).decode(), "too_many_pixels", "400000000 pixels"),
        ([], "wrong_type", "has 0 lines of numbers, and the model's images have 6"),
        (PIXELS[:5].tolist(), "wrong_type", "has 5 lines"),
        (PIXELS[:, :7].tolist(), "wrong_type", "has 7 pixels in line 0, and the model's have 8"),
        (PIXELS[:, :, :2].tolist(), "wrong_type", "odd line 0: Expected `array` of length 3"),
        (GREYS.tolist(), "wrong_type", "odd line 0: Expected `array`, got `int`"),
        ((PIXELS + 0.5).tolist(), "wrong_type", "Expected `int`, got `float`"),
        ((PIXELS.astype(int) + 200).tolist(), "wrong_type", "Expected `int` <= 255"),
        ((PIXELS.astype(int) - 300).tolist(), "wrong_type", "Expected `int` >= 0"),
        ([None] * HEIGHT, "wrong_type", "got `null`"),
        ([[None] * WIDTH] * HEIGHT, "wrong_type", "got `null`"),
    ],
)  # fmt: skip
def test_an_instance_that_is_no_image_is_refused_by_its_row(instance: object, code: str, words: str) -> None:
    with pytest.raises(ServiceError) as refused:
        ImageReader(COLOUR, LIMITS).read(body(PIXELS.tolist(), instance))
    assert (refused.value.code, refused.value.row) == (code, 1)
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "malformed_request"),
        (b"{}", "malformed_request"),
        (b'{"instances": 1}', "malformed_request"),
        (b'{"instances": [1', "malformed_request"),
        (b'{"instances": ["\xff"]}', "malformed_request"),
        (b'{"instances": ["\\ud800"]}', "malformed_request"),
        (b'{"instances": [{"b64": "\\ud800"}]}', "malformed_request"),
        (b'{"instances": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "malformed_request"),
        (b'{"instances": []}', "empty_batch"),
        (body(*[""] * 11), "too_many_rows"),
    ],
)
def test_a_body_that_is_not_a_list_of_images_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(ServiceError) as refused:
        ImageReader(COLOUR, LIMITS).read(content)
    assert refused.value.code == code


def test_pixels_are_bounded_over_all_rows_as_sent_and_as_taken() -> None:
    reader = ImageReader(COLOUR, LIMITS)
    half = b64encode(picture("RGB", 20, 20)).decode()
    assert len(reader.read(body(half, half)).rows) == 2
    with pytest.raises(ServiceError, match="row 2 has 400 pixels, and 200 are left of the 1000"):
        reader.read(body(half, half, half))
    with pytest.raises(ServiceError) as refused:
        ImageReader(COLOUR, RowLimits(rows=10, pixels=95)).read(body(PIXELS.tolist(), PIXELS.tolist()))
    assert refused.value.code == "too_many_pixels"


def test_more_sensitivities_than_an_answer_can_have_are_refused_before_anything_is_decoded() -> None:
    large = image_input("RGB", "stretch", 1024, 1024)
    reader = ImageReader(large, RowLimits(rows=10, pixels=2**24))
    with pytest.raises(ServiceError) as refused:
        reader.read(body("", "", parameters={"sensitivity": True}))
    assert refused.value.code == "too_many_rows"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just(TEXT),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["b64", "x"]), inner, max_size=2),
    max_leaves=20,
)


@given(content=st.binary(max_size=50) | JSON.map(lambda value: json.dumps({"instances": value}).encode()))
def test_whatever_is_sent_is_rows_or_a_refusal(content: bytes) -> None:
    try:
        rows = ImageReader(COLOUR, LIMITS).read(content).rows
    except ServiceError:
        return
    assert rows.shape[1:] == COLOUR.gradient_shape


def ask(service: Service, *instances: object, model: str = "photos", **more: object) -> Any:
    return service.client.post(f"/v1/models/{model}:predict", content=body(*instances, **more))


def test_a_prediction_of_an_image_has_its_map_of_sensitivity_on_request(service: Service) -> None:
    usual = ask(service, TEXT).json()["predictions"][0]
    assert usual["reliability"]["with_respect_to"] == "pixels"
    assert "truncated" not in usual
    asked = ask(service, TEXT, parameters={"sensitivity": True}).json()["predictions"][0]
    assert np.array(asked["reliability"].pop("sensitivity")).shape == (HEIGHT, WIDTH, 3)
    assert asked == usual


def test_a_grey_model_answers_pictures_and_numbers_alike(service: Service) -> None:
    grey = b64encode(picture("L")).decode()
    answer = ask(service, grey, GREYS.tolist(), {"b64": grey}, model="sketches").json()["predictions"]
    assert answer[0] == answer[1] == answer[2]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (picture("RGB", 1, 1), 400, "invalid_image"),
        (headed(20_000, 20_000), 413, "too_many_pixels"),
        (picture("P", kind="GIF", save_all=True, append_images=[smooth(seed=1)]), 400, "invalid_image"),
        (picture("CMYK", kind="JPEG"), 400, "invalid_image"),
        (picture("I;16"), 400, "invalid_image"),
        (PNG[:-20], 400, "invalid_image"),
    ],
    ids=["1x1", "20000x20000", "animated gif", "cmyk", "16 bit", "cut short"],
)
def test_a_bad_picture_is_the_client_s_mistake(service: Service, data: bytes, status: int, code: str) -> None:
    # 1 × 1 is stretched by the one model and refused by the other, which takes pictures of one size.
    if status == 400 and data == picture("RGB", 1, 1):
        assert ask(service, b64encode(data).decode()).status_code == 200
        data = picture("L", 1, 1)
        answer = ask(service, b64encode(data).decode(), model="sketches")
    else:
        answer = ask(service, TEXT, b64encode(data).decode())
        assert answer.json()["error"]["row"] == 1
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_rows_that_were_resized_are_counted(service: Service) -> None:
    name = "chainzrule_altered_rows_total{model=photos,version=1}"
    before = service.samples()[name]
    larger = b64encode(picture("RGB", 20, 15)).decode()
    assert ask(service, larger, TEXT, larger).status_code == 200
    assert service.samples()[name] == before + 2
