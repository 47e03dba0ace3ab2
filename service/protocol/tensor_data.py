"""Where the data of a request's tensors are, and what becomes of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequestError
from service.protocol.infer_request import RequestTensor


class Taken(NamedTuple):
    """The rows of a tensor."""

    rows: NDArray[Any]
    """[N, ...] as `Model.score` takes them"""
    altered: NDArray[np.bool_] | None = None
    """[N]: which are not whole, texts that were cut; None where none can be"""


class TensorReader(Protocol):
    """Reads the inputs of a model."""

    @property
    def heavy(self) -> bool:
        """Whether a body takes so long to read that the event loop cannot."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the inputs are called."""

    def read(self, tensors: Sequence[RequestTensor], binary: memoryview) -> Taken:
        """Return the rows of tensors of these names, in any order, whose data are their JSON or in `binary`.

        Raises:
            ServiceError: if a datatype, shape or data is wrong.
        """

    def read_raw(self, binary: memoryview) -> Taken:
        """Return the rows in a body without JSON.

        Raises:
            ServiceError: if there are none in it, or their values are wrong.
        """


def parts_of(tensors: Sequence[RequestTensor], binary: memoryview) -> list[memoryview]:
    """Return the bytes of several tensors, which follow the body's JSON in the tensors' order.

    Raises:
        MalformedRequestError: if some are left over.
    """
    parts = []
    for tensor in tensors:
        size = tensor.binary_size or 0
        parts.append(binary[:size])
        binary = binary[size:]
    if len(binary):
        raise MalformedRequestError(f"{len(binary)} bytes follow the JSON that no input's binary_data_size claims")
    return parts


def json_of(tensor: RequestTensor, binary: memoryview) -> bytes | None:
    """Return the data's JSON, or None where `binary` holds them, which is what follows the body's JSON.

    Raises:
        MalformedRequestError: if the data came in both forms or in neither, or something follows that nobody claims.
    """
    json, size = tensor.json, tensor.binary_size
    if json is not None and size is not None:
        raise MalformedRequestError(
            f"{tensor.name} has both data and binary_data_size: send its values once", field=tensor.name
        )
    if size is not None:
        return None
    if json is None:
        raise MalformedRequestError(f"{tensor.name} has neither data nor binary_data_size", field=tensor.name)
    if len(binary):
        raise MalformedRequestError(
            f"{len(binary)} bytes follow the JSON, and no input has a binary_data_size that claims them",
            field=tensor.name,
        )
    return json
