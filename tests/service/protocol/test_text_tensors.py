"""Texts under /v2: BYTES tensors, by hand and as Triton's client sends them."""

import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from service.inference.model import Model, Scores
from service.manifest import OUTPUTS
from service.protocol.binary_tensors import LENGTH_HEADER
from tests.conftest import Exported
from tests.service.client import Service, serving
from tests.service.made_texts import MAX_TOKENS
from tests.service.process import Process, running

URL = "/v2/models/reviews/infer"
TEXTS = ["The film was not very good.", "🙂 שלום", "good " * MAX_TOKENS, "[SEP]"]


@pytest.fixture(scope="module")
def service(texts: Exported) -> Iterator[Service]:
    with serving(texts.repository, max_rows=100) as service:
        yield service


def scored(service: Service, texts: list[str]) -> Scores:
    model = service.core.repository.get("reviews")
    return model.score(model.tokenizer.encode(texts).rows)


def packed(texts: list[str | bytes]) -> bytes:
    encoded = [text.encode() if isinstance(text, str) else text for text in texts]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)


def ask(service: Service, data: Any, shape: list[int], **changes: Any) -> Any:
    tensor = {"name": "text", "datatype": "BYTES", "shape": shape, "data": data, **changes}
    return service.client.post(URL, content=orjson.dumps({"id": "t", "inputs": [tensor]}))


def ask_in_binary(service: Service, data: bytes, shape: list[int], size: int | None = None) -> Any:
    parameters = {"binary_data_size": len(data) if size is None else size}
    head = orjson.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": shape, "parameters": parameters}]})
    return service.client.post(URL, content=head + data, headers={LENGTH_HEADER: str(len(head))})


def check(service: Service, response: Any, texts: list[str]) -> None:
    assert response.status_code == 200, response.text
    answer = response.json()
    found = {output["name"]: output for output in answer["outputs"]}
    for name, values in scored(service, texts).items():
        assert found[name]["shape"] == list(values.shape)
        np.testing.assert_allclose(found[name]["data"], values.ravel(), rtol=1e-5, atol=1e-6)


def test_texts_flat_or_nested_in_json_or_binary_have_the_same_answer(service: Service) -> None:
    check(service, ask(service, TEXTS, [4]), TEXTS)
    check(service, ask(service, TEXTS, [4, 1]), TEXTS)
    check(service, ask(service, [[text] for text in TEXTS], [4, 1]), TEXTS)
    check(service, ask_in_binary(service, packed([*TEXTS]), [4]), TEXTS)
    check(service, ask_in_binary(service, packed([*TEXTS]), [4, 1]), TEXTS)


def test_how_many_texts_were_cut_is_among_the_answer_s_parameters(service: Service) -> None:
    assert ask(service, TEXTS, [4]).json()["parameters"]["truncated_rows"] == 1
    assert ask(service, ["good " * 200_000] * 2, [2]).json()["parameters"]["truncated_rows"] == 2
    assert ask(service, TEXTS[:1], [1]).json()["parameters"]["truncated_rows"] == 0


def test_a_body_without_json_is_one_text(service: Service) -> None:
    response = service.client.post(URL, content=TEXTS[1].encode(), headers={LENGTH_HEADER: "0"})
    assert response.status_code == 200
    head = orjson.loads(response.content[: int(response.headers[LENGTH_HEADER])])
    assert [output["shape"][0] for output in head["outputs"]] == [1] * len(OUTPUTS)
    label = np.frombuffer(response.content[int(response.headers[LENGTH_HEADER]) :][:8], "<i8")
    assert label.tolist() == scored(service, TEXTS[1:2])["label"].tolist()


@pytest.mark.parametrize(
    ("data", "shape", "changes", "why"),
    [
        (["a"], [1], {"name": "features"}, "the inputs are 'features' and the model takes one, 'text'"),
        (["a"], [1], {"datatype": "FP32"}, "text has datatype 'FP32': send BYTES"),
        (["a"], [1, 2], {}, r"text has shape \[1, 2\]: send \[rows\] or \[rows, 1\]"),
        (["a"], [], {}, r"text has shape \[\]"),
        (["a"], [1, 1, 1], {}, r"text has shape \[1, 1, 1\]"),
        (["a"], [-1], {}, r"text has shape \[-1\]"),
        ([], [0], {}, "there are no rows to predict"),
        (["a"] * 101, [101], {}, "101 rows are more than the 100 allowed"),
        (["a"], [2], {}, r"text has 1 texts and its shape \[2\] needs 2"),
        (["a", "b"], [1], {}, r"text has 2 texts and its shape \[1\] needs 1"),
        ([["a"]], [1], {}, "the data of text is not texts"),
        ([["a", "b"]], [1, 1], {}, "the data of text is not texts"),
        ([5], [1], {}, "the data of text is not texts"),
        ("a", [1], {}, "the data of text is not texts"),
        (None, [1], {}, "text has neither data nor binary_data_size"),
        (["a"], [1], {"parameters": {"binary_data_size": 5}}, "text has both data and binary_data_size"),
        (["a", ""], [2], {}, "row 1 is an empty text"),
        (["a", " \n"], [2], {}, "row 1 is only whitespace"),
        (["a", "\x00\x1f"], [2], {}, "row 1 has no character that is text"),
    ],
)
def test_a_tensor_that_is_not_texts_is_refused(
    service: Service, data: Any, shape: list[int], changes: dict[str, Any], why: str
) -> None:
    response = ask(service, data, shape, **changes)
    assert response.status_code in {400, 413}
    assert re.search(why, response.json()["error"])


@pytest.mark.parametrize(
    ("data", "rows", "why"),
    [
        (packed(["a", b"\xff\xfe"]), 2, "row 1 is not UTF-8: 'utf-8' codec can't decode byte 0xff"),
        (packed(["a", b"\xed\xa0\x80"]), 2, "row 1 is not UTF-8"),
        (packed(["a", ""]), 2, "row 1 is an empty text"),
        (packed(["a"]), 2, "text has 1 texts and its shape [2] needs 2"),
        (packed(["a", "b", "c"]), 2, "5 bytes follow the texts of text, and its shape is [2]"),
        (packed(["a", "b", "c", "d"]), 2, "10 bytes follow the texts of text, and its shape is [2]"),
        (packed(["a", "b"])[:-1], 2, "row 1 of text has 1 bytes by the 4 before it, and the body has 0 left"),
        (packed(["a"]) + b"\x01", 2, "row 1 of text has 1 bytes by the 4 before it, and the body has 0 left"),
        (
            b"\xff\xff\xff\xff" + b"a" * 9,
            1,
            "row 0 of text has 4294967295 bytes by the 4 before it, and the body has 9",
        ),
        (b"", 1, "text has 0 texts and its shape [1] needs 1"),
    ],
)
def test_binary_data_that_are_not_the_shape_s_texts_are_refused(
    service: Service, data: bytes, rows: int, why: str
) -> None:
    response = ask_in_binary(service, data, [rows])
    assert response.status_code == 400
    assert why in response.json()["error"]


def test_binary_data_of_another_size_than_is_said_are_refused(service: Service) -> None:
    response = ask_in_binary(service, packed(["a"]), [1], size=6)
    assert response.status_code == 400
    assert "5 bytes follow the JSON and binary_data_size of text is 6" in response.json()["error"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'["\xff"]', "is not UTF-8"),
        (b'["a", "\\ud800"]', "the body has \\ud800, half of a surrogate pair and no character"),
    ],
)
def test_what_is_no_utf_8_within_json_is_refused(service: Service, body: bytes, why: str) -> None:
    content = b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ' + body + b"}]}"
    response = service.client.post(URL, content=content)
    assert response.status_code == 400
    assert why in response.json()["error"]


def test_a_raw_body_that_is_no_text_is_refused(service: Service) -> None:
    for content, why in ((b"\xff", "row 0 is not UTF-8"), (b"", "row 0 is an empty text")):
        response = service.client.post(URL, content=content, headers={LENGTH_HEADER: "0"})
        assert response.status_code == 400
        assert why in response.json()["error"]


@pytest.fixture(scope="module")
def process(texts: Exported) -> Iterator[Process]:
    with running(texts.repository, "--threads", "1") as process:
        yield process


def test_tritons_client_sends_texts_unchanged(process: Process, texts: Exported) -> None:
    model = Model.load(texts.folder, threads=1)
    expected = model.score(model.tokenizer.encode(TEXTS).rows)
    with triton.InferenceServerClient(process.url.removeprefix("http://")) as client:
        for shape in ([4], [4, 1]):
            for binary in (True, False):
                tensor = triton.InferInput("text", shape, "BYTES")
                tensor.set_data_from_numpy(np.array(TEXTS, dtype=np.object_).reshape(shape), binary_data=binary)
                answer = client.infer("reviews", [tensor])
                assert answer.get_response()["parameters"]["truncated_rows"] == 1
                for name, values in expected.items():
                    np.testing.assert_allclose(answer.as_numpy(name), values, rtol=1e-5, atol=1e-6)
        empty = triton.InferInput("text", [1], "BYTES")
        empty.set_data_from_numpy(np.array([""], dtype=np.object_))
        with pytest.raises(InferenceServerException, match="row 0 is an empty text"):
            client.infer("reviews", [empty])
