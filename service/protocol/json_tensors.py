"""A tensor's data as JSON."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import WrongTypeError
from service.protocol.infer_request import RequestTensor

_FLOATS = (msgspec.json.Decoder(list[float | None]), msgspec.json.Decoder(list[list[float | None]]))
_INTEGERS = (msgspec.json.Decoder(list[int]), msgspec.json.Decoder(list[list[int]]))
"""Decoders of data that is flat, and nested by row."""


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
        raise WrongTypeError(f"the data of {tensor.name} is not numbers: {error}", field=tensor.name) from None
    if nested and len({len(row) for row in values}) > 1:
        raise WrongTypeError(f"the rows of {tensor.name} differ in length", field=tensor.name)
    try:
        with np.errstate(over="ignore"):
            return np.array(values, dtype)
    except OverflowError:
        raise WrongTypeError(f"a number of {tensor.name} is no {tensor.datatype}", field=tensor.name) from None
