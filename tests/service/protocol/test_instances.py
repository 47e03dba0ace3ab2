"""Bodies of the friendly protocol that are large: what is wrong with them must be found without looking at all."""

import json
from typing import Any

import pytest

from service.errors import MalformedRequestError, ServiceError
from service.protocol import instances
from service.protocol.instances import TableReader
from service.version_folder import read_manifest
from tests.conftest import Exported

ROWS = 20_000
GOOD = b'{"temperature": 25.5, "pressure": 6.0, "flow rate": 800.0, "age": 0.5}'


@pytest.fixture
def codec(exported: Exported) -> TableReader:
    return TableReader(read_manifest(exported.folder).table, ROWS)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes Python's own slow reader was given, each time."""
    sizes: list[int] = []

    def loads(text: bytes) -> Any:
        sizes.append(len(text))
        return json.loads(text)

    monkeypatch.setattr(instances, "json", type("Json", (), {"loads": staticmethod(loads)}))
    return sizes


def refusal(codec: TableReader, row: bytes, end: bytes = b"]}") -> ServiceError:
    body = b'{"instances": [' + b",".join([GOOD] * (ROWS - 2) + [row, GOOD]) + end
    assert len(body) > 1_000_000
    with pytest.raises(ServiceError) as refused:
        codec.read(body)
    return refused.value


@pytest.mark.parametrize(
    ("row", "code", "field", "words"),
    [
        (GOOD.replace(b"age", b"aage"), "unknown_feature", "aage", "did you mean 'age'?"),
        (GOOD.replace(b', "age": 0.5', b""), "missing_feature", "age", "lacks age: send every feature"),
        (GOOD.replace(b"0.5", b'"old"'), "wrong_type", "age", "is a text"),
        (GOOD.replace(b"0.5", b"NaN"), "non_finite_value", "age", "is not finite"),
        (GOOD.replace(b"0.5", b"-Infinity "), "non_finite_value", "age", "is not finite"),
        (b"[1, 2, Infinity, 4]", "non_finite_value", "flow rate", "is not finite"),
        (b"[1, 2, 1e999, 4]", "non_finite_value", "flow rate", "is not finite"),
        (b'[1, 2, "3", 4]', "wrong_type", "flow rate", "is a text"),
        (b"[1, 2]", "wrong_type", None, "has 2 values and the model takes 4"),
        (b"7", "wrong_type", None, "is a number"),
    ],
)
def test_only_the_instance_at_fault_is_looked_at_again(
    codec: TableReader, looked_at: list[int], row: bytes, code: str, field: str | None, words: str
) -> None:
    error = refusal(codec, row)
    assert (error.code, error.row, error.field) == (code, ROWS - 2, field)
    assert words in error.message
    assert max(looked_at, default=0) < 100


@pytest.mark.parametrize("end", [b"]", b"]}}", b",]}", b", nan]}"])
def test_a_text_that_is_not_json_is_not_looked_at_again(codec: TableReader, looked_at: list[int], end: bytes) -> None:
    error = refusal(codec, GOOD, end)
    assert (type(error), error.row) == (MalformedRequestError, None)
    assert "the body is not JSON" in error.message
    assert not looked_at


def test_an_instance_too_long_to_be_looked_at_is_refused_with_its_row(codec: TableReader, looked_at: list[int]) -> None:
    error = refusal(codec, GOOD[:-1] + b', "' + b"x" * 2_000_000 + b'": 1}')
    assert (type(error), error.row) == (MalformedRequestError, ROWS - 2)
    assert "unknown field `xxx" in error.message
    assert len(error.message) < 500
    assert not looked_at


@pytest.mark.parametrize(
    ("body", "code", "row", "field"),
    [
        (b'{"instances": [[1, 2, 3, 4], {"a\\ud800": 1}]}', "unknown_feature", 1, "a\ud800"),
        (b'{"instances": [[1, 2, 3, 4]], "a": "\\ud800"}', "malformed_request", None, None),
        # A name that looks like a path, an earlier fault before a NaN, a NaN beside the instances and one in a text.
        (b'{"instances": [{"x` - at `$.instances[7]`": 1}]}', "unknown_feature", 0, "x` - at `$.instances[7]`"),
        (b'{"instances": [[1, 2, 3, 4], [1, 2, 3, "4"], [NaN, 1, 1, 1]]}', "wrong_type", 1, "age"),
        (b'{"instances": [[1, 2, 3, 4]], "note": NaN}', "malformed_request", None, None),
        (b'{"instances": [[1, 2, 3, " NaN "]]}', "wrong_type", 0, "age"),
        (b'{"instances": [[1, 2, 3, "4"]], "instances": []}', "malformed_request", 0, None),
        (b'{"instances": [{"age": "x", "age": 1}]}', "missing_feature", 0, "temperature"),
    ],
)
def test_what_is_ambiguous_is_refused_too(
    codec: TableReader, body: bytes, code: str, row: int | None, field: str | None
) -> None:
    with pytest.raises(ServiceError) as refused:
        codec.read(body)
    error = refused.value
    assert (error.code, error.row, error.field) == (code, row, field)
