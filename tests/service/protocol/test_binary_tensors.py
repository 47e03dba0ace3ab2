import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from service.manifest import OUTPUTS
from tests.conftest import FEATURES, Exported, make_table
from tests.service.client import Service, serving

URL = "/v2/models/plant/infer"
HEADER = "Inference-Header-Content-Length"
ROWS = make_table(9, seed=6)[0].to_numpy(np.float32)
KNOWN = np.nan_to_num(ROWS)
DTYPES = {output.name: np.dtype({"FP32": "<f4", "INT64": "<i8"}[output.datatype]) for output in OUTPUTS}


@pytest.fixture(scope="module")
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository, max_rows=100) as service:
        yield service


def encode(rows: NDArray[Any], datatype: str = "FP32", pad: int = 0, **changes: Any) -> tuple[bytes, dict[str, str]]:
    """A request in binary, its JSON padded with blanks."""
    tensor = {
        "name": "features",
        "shape": list(rows.shape),
        "datatype": datatype,
        "parameters": {"binary_data_size": rows.nbytes},
    }
    head = json.dumps({"inputs": [tensor], **changes}).encode() + b" " * pad
    return head + rows.tobytes(), {HEADER: str(len(head))}


def decode(response: Any) -> dict[str, NDArray[Any]]:
    """The outputs by name, JSON and binary ones."""
    length = int(response.headers.get(HEADER, len(response.content)))
    rest, outputs = response.content[length:], {}
    for output in json.loads(response.content[:length])["outputs"]:
        dtype = DTYPES[output["name"]]
        if "data" in output:
            values = np.array(output["data"], dtype)
        else:
            size = output["parameters"]["binary_data_size"]
            values, rest = np.frombuffer(rest[:size], dtype), rest[size:]
        outputs[output["name"]] = values.reshape(output["shape"])
    assert not rest
    return outputs


def ask(service: Service, content: bytes, headers: dict[str, str]) -> dict[str, NDArray[Any]]:
    response = service.client.post(URL, content=content, headers=headers)
    assert response.status_code == 200, response.text
    binary = HEADER.lower() in response.headers
    assert response.headers["content-type"] == ("application/octet-stream" if binary else "application/json")
    return decode(response)


def refusal(service: Service, content: bytes, headers: dict[str, str]) -> str:
    response = service.client.post(URL, content=content, headers=headers)
    assert response.status_code == 400, response.text
    error: str = response.json()["error"]
    return error


def same(found: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("pad", range(4))
def test_binary_and_json_say_the_same_wherever_the_numbers_lie(service: Service, pad: int) -> None:
    expected = service.core.repository.get("plant").score(ROWS)
    same(ask(service, *encode(ROWS, pad=pad)), expected)
    same(ask(service, *encode(ROWS, pad=pad, parameters={"binary_data_output": True})), expected)


@given(
    rows=arrays(np.float32, st.tuples(st.integers(1, 20), st.just(4)), elements=st.floats(-1e6, 1e6, width=32)),
    binary=st.lists(st.sampled_from([None, False, True]), min_size=len(OUTPUTS), max_size=len(OUTPUTS)),
    all_binary=st.sampled_from([None, False, True]),
    pad=st.integers(0, 7),
)
def test_whatever_the_rows_a_binary_round_trip_is_the_json_answer(
    service: Service, rows: NDArray[np.float32], binary: list[bool | None], all_binary: bool | None, pad: int
) -> None:
    plain = {"inputs": [{"name": "features", "shape": list(rows.shape), "datatype": "FP32", "data": rows.tolist()}]}
    expected = ask(service, json.dumps(plain).encode(), {})
    outputs = [
        {"name": output.name, "parameters": {} if flag is None else {"binary_data": flag}}
        for output, flag in zip(OUTPUTS, binary, strict=True)
    ]
    parameters = {} if all_binary is None else {"binary_data_output": all_binary}
    same(ask(service, *encode(rows, pad=pad, outputs=outputs, parameters=parameters)), expected)


def test_an_outputs_own_flag_wins_over_the_requests(service: Service) -> None:
    outputs = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "reliability"}]
    content, headers = encode(ROWS, outputs=outputs, parameters={"binary_data_output": True})
    response = service.client.post(URL, content=content, headers=headers)
    label, reliability = json.loads(response.content[: int(response.headers[HEADER])])["outputs"]
    assert "data" in label
    assert "parameters" not in label
    assert "data" not in reliability
    assert reliability["parameters"] == {"binary_data_size": 4 * len(ROWS)}
    assert list(decode(response)) == ["label", "reliability"]


def test_a_json_request_may_have_a_binary_answer_and_a_length_that_is_all_of_it(service: Service) -> None:
    inputs = [{"name": "features", "shape": list(KNOWN.shape), "datatype": "FP32", "data": KNOWN.tolist()}]
    content = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    expected = service.core.repository.get("plant").score(KNOWN)
    same(ask(service, content, {}), expected)
    same(ask(service, content, {HEADER: str(len(content))}), expected)


def test_a_body_of_numbers_alone_is_as_many_rows_as_it_holds_and_answered_in_binary(service: Service) -> None:
    response = service.client.post(URL, content=ROWS.tobytes(), headers={HEADER: "0"})
    assert response.headers["content-type"] == "application/octet-stream"
    same(decode(response), service.core.repository.get("plant").score(ROWS))


@pytest.mark.parametrize("datatype", ["FP16", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT32", "UINT64"])
def test_other_numbers_become_fp32(service: Service, datatype: str) -> None:
    kind = np.dtype(datatype.lower().replace("fp", "float"))
    rows = np.array([[25, 6, 100, 1], [3, 2, 1, 0]], kind)
    expected = service.core.repository.get("plant").score(rows.astype(np.float32))
    same(ask(service, *encode(rows, datatype)), expected)
    inputs = [{"name": "features", "shape": [2, 4], "datatype": datatype, "data": rows.tolist()}]
    content = json.dumps({"inputs": inputs}).encode()
    if datatype == "FP16":
        assert "FP16, which has no JSON form" in refusal(service, content, {})
    else:
        same(ask(service, content, {}), expected)


def test_a_missing_value_is_nan_where_it_may_be_missing(service: Service) -> None:
    rows = KNOWN.copy()
    rows[3, 1] = np.nan
    assert "pressure of row 3 is missing" in refusal(service, *encode(rows))
    rows[3] = [np.nan, 1, np.nan, 1]
    same(ask(service, *encode(rows)), service.core.repository.get("plant").score(rows))
    for infinite in (np.inf, -np.inf):
        rows[3, 0] = infinite
        assert "temperature of row 3 is infinite" in refusal(service, *encode(rows))
    assert "too large for a 32-bit float" in refusal(service, *encode(np.full((1, 4), 1e300), "FP64"))


CONTENT, HEADERS = encode(KNOWN)
LENGTH = int(HEADERS[HEADER])


def with_size(size: object) -> tuple[bytes, dict[str, str]]:
    tensor = {"name": "features", "shape": [9, 4], "datatype": "FP32", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + KNOWN.tobytes(), {HEADER: str(len(head))}


@pytest.mark.parametrize(
    ("content", "headers", "words"),
    [
        (CONTENT, {HEADER: "many"}, "'many' is not a number of bytes"),
        (CONTENT, {HEADER: "-1"}, "'-1' is not a number of bytes"),
        (CONTENT, {HEADER: "9" * 5000}, "is not a number of bytes"),
        (CONTENT, {HEADER: ""}, "'' is not a number of bytes"),
        (CONTENT, {HEADER: str(len(CONTENT) + 1)}, f"{len(CONTENT) + 1} bytes are JSON, and the body has"),
        (CONTENT, {HEADER: str(LENGTH - 1)}, "not JSON"),
        (CONTENT, {HEADER: str(LENGTH + 1)}, "not JSON"),
        (CONTENT, {}, "not JSON"),
        (CONTENT[:LENGTH], {}, "0 bytes follow the JSON and binary_data_size of features is 144"),
        (CONTENT[:-1], HEADERS, "143 bytes follow the JSON and binary_data_size of features is 144"),
        (CONTENT + b"\0", HEADERS, "145 bytes follow the JSON"),
        (*with_size(140), "binary_data_size 140, and its shape [9, 4] of FP32 needs 144"),
        (*with_size(-144), "binary_data_size of features is -144"),
        (*with_size(2**63), "binary_data_size 9223372036854775808, and its shape"),
        (*with_size(10**30), "binary_data_size"),
        (*with_size(144.0), "binary_data_size of features is 144.0"),
        (*with_size("144"), "binary_data_size of features is '144'"),
        (*with_size(True), "binary_data_size of features is True"),
        (*encode(KNOWN, "FP64"), "FP64 needs 288 bytes"),
        (*encode(KNOWN, "BOOL"), "datatype 'BOOL': send FP32"),
        (*encode(KNOWN, "BYTES"), "datatype 'BYTES': send FP32"),
        (*encode(KNOWN, "BF16"), "datatype 'BF16': send FP32"),
        (*encode(KNOWN, parameters={"binary_data_output": 1}), "binary_data_output is 1: send true or false"),
        (*encode(KNOWN, outputs=[{"name": "label", "parameters": {"binary_data": "yes"}}]), "'yes': send true or"),
        (
            *encode(KNOWN, outputs=[{"name": "label", "parameters": {"classification": 2}}]),
            "classification is not supported",
        ),
        (KNOWN.tobytes()[:-1], {HEADER: "0"}, "143 bytes are not whole rows of features: send 16 bytes a row"),
        (b"", {HEADER: "0"}, "no rows"),
        (KNOWN.tobytes(), {HEADER: "0", "Content-Type": "application/json"}, "no byte is JSON, and content-type that"),
    ],
)
def test_a_bad_binary_request_is_refused(service: Service, content: bytes, headers: dict[str, str], words: str) -> None:
    assert words in refusal(service, content, headers)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": [1, 2, 3, 4], "parameters": {"binary_data_size": 16}}, "both data and binary_data_size"),
        ({}, "neither data nor binary_data_size"),
        ({"data": None}, "neither data nor binary_data_size"),
        ({"data": [1, 2, 3, 4], "parameters": None}, "16 bytes follow the JSON, and no input has a binary_data_size"),
        ({"parameters": {"shared_memory_region": "r"}}, "shared_memory_region is not supported"),
    ],
)
def test_numbers_are_sent_once_and_claimed(service: Service, changes: dict[str, Any], words: str) -> None:
    head = json.dumps({"inputs": [{"name": "features", "shape": [1, 4], "datatype": "FP32", **changes}]}).encode()
    assert words in refusal(service, head + bytes(16), {HEADER: str(len(head))})


def test_too_many_rows_are_refused_whatever_they_are_made_of(service: Service) -> None:
    for content, headers in (encode(np.zeros((101, 4), np.float32)), (bytes(101 * 16), {HEADER: "0"})):
        response = service.client.post(URL, content=content, headers=headers)
        assert response.status_code == 413
        assert "101 rows are more than the 100 allowed" in response.json()["error"]


NAMES = st.sampled_from(["features", "label", "reliability", "", "\ud800", "x" * 300])
PARAMETERS = st.dictionaries(
    st.sampled_from(["binary_data_size", "binary_data", "binary_data_output", "classification", "timeout"]),
    st.integers(-(2**70), 2**70)
    | st.sampled_from([16, 32, True, False])
    | st.floats()
    | st.text(max_size=3)
    | st.none(),
    max_size=2,
)
TENSORS = st.fixed_dictionaries(
    {"name": NAMES, "shape": st.lists(st.integers(-3, 5) | st.integers() | st.sampled_from([1, 4]), max_size=3)},
    optional={
        "datatype": st.sampled_from(["FP32", "FP64", "FP16", "INT8", "UINT64", "BOOL", ""]),
        "data": st.lists(st.integers(-300, 300) | st.floats() | st.none() | st.text(max_size=1), max_size=9),
        "parameters": PARAMETERS | st.none(),
    },
)
REQUESTS = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS, max_size=2)},
    optional={
        "id": st.text(max_size=3) | st.none() | st.just("\ud800"),
        "outputs": st.lists(st.fixed_dictionaries({"name": NAMES}, optional={"parameters": PARAMETERS}), max_size=3),
        "parameters": PARAMETERS,
    },
)
VALUES = st.integers(-(2**70), 2**70) | st.floats() | st.none() | st.text(max_size=1) | st.booleans()
INSTANCES = st.lists(
    st.dictionaries(NAMES | st.sampled_from(FEATURES), VALUES) | st.lists(VALUES, max_size=5), max_size=3
)
HEADERS_SENT = st.dictionaries(
    st.sampled_from([HEADER, "Content-Type", "Content-Length", "Content-Encoding", "X-Request-Id", "Accept", "Expect"]),
    st.sampled_from(["0", "16", "gzip", "identity", "application/json", "9" * 5000, "-1", "", "\u00b2", "NaN"])
    | st.integers(0, 400).map(str)
    | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=9),
    max_size=3,
)


@settings(max_examples=300)
@given(
    body=st.binary(max_size=80)
    | INSTANCES.map(lambda instances: json.dumps({"instances": instances}).encode())
    | st.builds(lambda request, rest: json.dumps(request).encode() + rest, REQUESTS, st.binary(max_size=40)),
    headers=HEADERS_SENT,
    honest=st.booleans(),
    path=st.sampled_from([URL, "/v2/models/plant/versions/1/infer", "/v1/models/plant:predict"]),
)
def test_junk_is_never_the_services_fault(
    service: Service, body: bytes, headers: dict[str, str], honest: bool, path: str
) -> None:
    if honest and (end := body.rfind(b"}") + 1):
        headers = {**headers, HEADER: str(end)}
    response = service.client.post(
        path, content=body, headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    )
    assert response.status_code < 500, response.text
    if response.status_code != 200:
        assert response.json()["error"]
