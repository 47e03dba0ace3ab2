"""A tensor's data as JSON."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from service.errors import WrongTypeError, shown
from service.protocol.infer_request import RequestTensor

_FLOATS = (msgspec.json.Decoder(list[float | None]), msgspec.json.Decoder(list[list[float | None]]))
_INTEGERS = (msgspec.json.Decoder(list[int]), msgspec.json.Decoder(list[list[int]]))
"""Decoders of data that is flat, and nested by row."""

_NUMBERS_A_PART = 32_768
"""Numbers written at a time."""

_BYTES_A_PIECE = 262_144
"""Bytes that make a piece: they take a millisecond or two, and health must not wait longer."""


def from_json(tensor: RequestTensor, data: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a tensor [rows, features] from its data, flat or nested by row; null becomes NaN.

    Args:
        tensor: whose shape is known to be right.
        data: its JSON.
        dtype: of its datatype.

    Raises:
        WrongTypeError: if it is not as many numbers as the shape needs, or they are not of the datatype.
    """
    rows, width = tensor.shape
    if dtype.itemsize == 2 and dtype.kind == "f":
        raise WrongTypeError(f"{tensor.name} is FP16, which has no JSON form: send it as binary", field=tensor.name)
    # Numbers are one more than the commas between them, flat or nested: too many are refused undecoded.
    size = data.count(b",") + 1
    if size <= rows * width:
        values = _numbers(tensor, data, dtype)
        size = values.size
    if size != rows * width:
        raise WrongTypeError(
            f"{tensor.name} has {size} numbers and its shape {tensor.shape} needs {rows * width}", field=tensor.name
        )
    return values.reshape(rows, width)


def _numbers(tensor: RequestTensor, data: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    nested = data[1:].lstrip().startswith(b"[")
    decoder = (_FLOATS if dtype.kind == "f" else _INTEGERS)[nested]
    try:
        values: list[Any] = decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WrongTypeError(
            f"the data of {tensor.name} is not numbers: {shown(str(error))}", field=tensor.name
        ) from None
    if nested and len({len(row) for row in values}) > 1:
        raise WrongTypeError(f"the rows of {tensor.name} differ in length", field=tensor.name)
    try:
        with np.errstate(over="ignore"):
            return np.array(values, dtype)
    except OverflowError:
        raise WrongTypeError(f"a number of {tensor.name} is no {tensor.datatype}", field=tensor.name) from None


def to_json(values: NDArray[Any]) -> Iterator[bytes]:
    """Yield the JSON list of an output's numbers, in row-major order, in parts none of which takes long."""
    flat = np.ascontiguousarray(values).ravel()
    yield b"["
    for start in range(0, len(flat), _NUMBERS_A_PART):
        part = orjson.dumps(flat[start : start + _NUMBERS_A_PART], option=orjson.OPT_SERIALIZE_NUMPY)
        yield (b"," if start else b"") + part[1:-1]
    yield b"]"


def in_pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts joined, so that a short text is one piece and of a long one no piece is much longer."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= _BYTES_A_PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
