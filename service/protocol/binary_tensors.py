"""The binary tensor data extension: tensors as bytes behind a body's JSON, little-endian, row after row."""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequestError, WrongTypeError, shown
from service.protocol.infer_request import RequestTensor

LENGTH_HEADER: Final = "inference-header-content-length"
"""Says how many bytes of a body are its JSON; 0 where the whole body is the only input's data."""

_LONGEST_LENGTH: Final = 18
"""Digits of a length, below what Python and numpy count in."""


class Body(NamedTuple):
    """A body in its two parts, neither of them copied."""

    json: memoryview
    binary: memoryview
    raw: bool
    """Whether there is no JSON by intention."""


def split_body(body: bytes, headers: Mapping[str, str]) -> Body:
    """Return the parts of a request's body; without the header all of it is JSON.

    Args:
        body: whole and inflated.
        headers: the request's.

    Raises:
        MalformedRequestError: if the header is no number of bytes within the body, or contradicts the content type.
    """
    view = memoryview(body)
    length = headers.get(LENGTH_HEADER)
    if length is None:
        return Body(view, view[:0], raw=False)
    length = length.strip()
    if not (length.isascii() and length.isdecimal() and len(length) <= _LONGEST_LENGTH):
        raise MalformedRequestError(f"{LENGTH_HEADER} {shown(length, 64)!r} is not a number of bytes")
    end = int(length)
    if end > len(body):
        raise MalformedRequestError(f"{LENGTH_HEADER} says that {end} bytes are JSON, and the body has {len(body)}")
    if end == 0 and headers.get("content-type", "").startswith("application/json"):
        # A text taken for numbers would be answered, and its answer be believed.
        raise MalformedRequestError(f"{LENGTH_HEADER} says that no byte is JSON, and content-type that all are")
    return Body(view[:end], view[end:], raw=end == 0)


def raw_tensor(name: str, width: int, binary: memoryview) -> RequestTensor:
    """Return what a raw body, FP32 numbers and nothing else, leaves unsaid: as many rows as there are bytes for.

    Raises:
        WrongTypeError: if the bytes are not whole rows of `width` numbers.
    """
    row = 4 * width
    if len(binary) % row:
        raise WrongTypeError(
            f"{len(binary)} bytes are not whole rows of {name}: send {row} bytes a row, {width} FP32 numbers",
            field=name,
        )
    return RequestTensor(name, [len(binary) // row, width], "FP32", parameters={"binary_data_size": len(binary)})


def from_bytes(tensor: RequestTensor, binary: memoryview, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a request's only tensor, of its shape, seen in the body's bytes where they lie so that it can be.

    Args:
        tensor: whose shape is known to be right, and which has a binary_data_size.
        binary: all that follows the JSON.
        dtype: of its datatype.

    Raises:
        WrongTypeError: if that size is not what its shape and datatype need.
        MalformedRequestError: if `binary` is shorter or longer.
    """
    size = tensor.binary_size
    needed = dtype.itemsize * math.prod(tensor.shape)
    if size != needed:
        raise WrongTypeError(
            f"{tensor.name} has binary_data_size {shown(str(size))}, and its shape {tensor.shape} of {tensor.datatype} "
            f"needs {needed} bytes",
            field=tensor.name,
        )
    check_length(tensor, binary)
    values = np.frombuffer(binary, dtype).reshape(tensor.shape)
    # JSON of any length stands before them, and onnxruntime may count on aligned numbers.
    return np.require(values, requirements="A")


def check_length(tensor: RequestTensor, binary: memoryview) -> None:
    """Raise MalformedRequestError unless `binary` is as long as the tensor's binary_data_size says."""
    if len(binary) != tensor.binary_size:
        raise MalformedRequestError(
            f"{len(binary)} bytes follow the JSON and binary_data_size of {tensor.name} is {tensor.binary_size}: they "
            f"must be the same, and {LENGTH_HEADER} must say where the JSON ends",
            field=tensor.name,
        )


def to_bytes(values: NDArray[Any]) -> memoryview:
    """Return an output's bytes, not copied on a little-endian machine."""
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<")).data.cast("B")
