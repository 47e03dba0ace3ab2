"""A table as a tensor of an infer request."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from service.errors import WrongTypeError, shown
from service.inference.rows import check_codes, check_count, check_values
from service.inputs import TableInput
from service.protocol.binary_tensors import from_bytes, raw_tensor
from service.protocol.infer_request import RequestTensor
from service.protocol.json_tensors import from_json
from service.protocol.tensor_data import Taken, json_of

NUMBERS: Final = {
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
}
"""Datatypes of an input. The models take FP32; what else is a number becomes one, rounded."""


class TableTensor:
    """Reads the input of a model of tables.

    Args:
        table: what the model takes.
        max_rows: most rows in one request.
    """

    heavy: ClassVar = False

    def __init__(self, table: TableInput, max_rows: int) -> None:
        self.names = (table.tensor,)
        self._table = table
        self._max_rows = max_rows

    def read(self, tensors: Sequence[RequestTensor], binary: memoryview) -> Taken:
        """Return the rows [N, features] of a tensor; JSON's null and a binary NaN are missing values.

        Raises:
            ServiceError: if its datatype, shape or data is wrong.
        """
        [tensor] = tensors
        rows = read_numbers(tensor, binary, len(self._table.features), self._max_rows)
        check_values(rows, self._table)
        check_codes(rows, self._table)
        return Taken(rows)

    def read_raw(self, binary: memoryview) -> Taken:
        """Return the rows in a body that is FP32 numbers and nothing else.

        Raises:
            ServiceError: if they are no whole rows, or their values are wrong.
        """
        return self.read([raw_tensor(self._table.tensor, len(self._table.features), binary)], binary)


def read_numbers(tensor: RequestTensor, binary: memoryview, width: int, max_rows: int) -> NDArray[np.float32]:
    """Return the numbers [N, width] of a tensor, whatever they are; JSON's null becomes NaN.

    Args:
        tensor: its data are its JSON or `binary`.
        binary: the bytes that are its data, if any are.
        width: numbers a row.
        max_rows: most rows in one request.

    Raises:
        ServiceError: if its datatype, shape or data is wrong.
    """
    if tensor.datatype not in NUMBERS:
        raise WrongTypeError(
            f"{tensor.name} has datatype {shown(tensor.datatype)!r}: send FP32, or another of {', '.join(NUMBERS)}",
            field=tensor.name,
        )
    if len(tensor.shape) != 2 or tensor.shape[1] != width or tensor.shape[0] < 0:
        shape = shown(str(tensor.shape[:100]))  # so many are never shown whole
        raise WrongTypeError(f"{tensor.name} has shape {shape}: send [rows, {width}]", field=tensor.name)
    check_count(tensor.shape[0], max_rows)
    with np.errstate(over="ignore"):
        return _numbers(tensor, binary).astype(np.float32, copy=False)


def _numbers(tensor: RequestTensor, binary: memoryview) -> NDArray[Any]:
    """Return the numbers of a tensor of good shape and datatype, in whichever of the two forms they came."""
    json, dtype = json_of(tensor, binary), NUMBERS[tensor.datatype]
    return from_bytes(tensor, binary, dtype) if json is None else from_json(tensor, json, dtype)
