"""The Open Inference Protocol's infer bodies: tensors to rows, scores to tensors, as JSON or as bytes."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from service.errors import MalformedRequestError, UnknownFeatureError, WrongTypeError, shown
from service.inference.model import Model, Scores
from service.inference.rows import check_count, check_values
from service.manifest import OUTPUTS
from service.protocol.binary_tensors import LENGTH_HEADER, from_bytes, raw_tensor, split_body, to_bytes
from service.protocol.infer_request import InferRequest, RequestTensor, flag, read_request
from service.protocol.json_tensors import from_json, in_pieces, to_json

_DATATYPES: Final = {output.name: output.datatype for output in OUTPUTS}

NUMBERS: Final = {
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
}
"""Datatypes of an input. The models take FP32; what else is a number becomes one, rounded."""


class Answered(NamedTuple):
    """An output to answer with."""

    name: str
    binary: bool


class TensorCodec:
    """Reads one infer request and writes its answer.

    Args:
        model: the model asked.
        max_rows: most rows in one request.
        headers: the request's.
    """

    heavy: ClassVar = False
    altered: ClassVar = 0

    def __init__(self, model: Model, max_rows: int, headers: Mapping[str, str]) -> None:
        self._model = model
        self._max_rows = max_rows
        self._request_headers = headers
        self._id: str | None = None
        self._outputs: list[Answered] = []
        self._headers = {"content-type": "application/json"}

    def read(self, body: bytes) -> NDArray[np.float32]:
        """Return the rows [N, features] of a request; JSON's null and a binary NaN are missing values.

        Raises:
            ServiceError: if the body, the input's name, datatype, shape or data, or an output's name is wrong.
        """
        json, binary, raw = split_body(body, self._request_headers)
        table = self._model.manifest.input
        width = len(table.features)
        if raw:
            request = InferRequest([raw_tensor(table.tensor, width, binary)], parameters={"binary_data_output": True})
        else:
            request = read_request(json)
        self._id = request.id
        self._outputs = _outputs(request)
        names = [tensor.name for tensor in request.inputs]
        if names != [table.tensor]:
            raise UnknownFeatureError(
                f"the inputs are {shown(', '.join(map(repr, names))) or 'none'} and the model takes one, "
                f"{table.tensor!r}",
                field="inputs",
            )
        tensor = request.inputs[0]
        if tensor.datatype not in NUMBERS:
            raise WrongTypeError(
                f"{tensor.name} has datatype {shown(tensor.datatype)!r}: send FP32, or another of {', '.join(NUMBERS)}",
                field=tensor.name,
            )
        if len(tensor.shape) != 2 or tensor.shape[1] != width or tensor.shape[0] < 0:
            shape = shown(str(tensor.shape[:100]))  # so many are never shown whole
            raise WrongTypeError(f"{tensor.name} has shape {shape}: send [rows, {width}]", field=tensor.name)
        check_count(tensor.shape[0], self._max_rows)
        with np.errstate(over="ignore"):
            rows = _data(tensor, binary).astype(np.float32, copy=False)
        check_values(rows, table)
        return rows

    def write(self, scores: Scores, _name: str | None = None, /) -> Iterator[bytes]:
        """Yield the answer: the outputs asked for, in row-major order, binary ones behind the JSON."""
        binary = [to_bytes(scores[name]) for name, as_bytes in self._outputs if as_bytes]
        size = 0
        for piece in in_pieces(self._json(scores)):
            size += len(piece)
            yield piece
        if binary:
            self._headers = {"content-type": "application/octet-stream", LENGTH_HEADER: str(size)}
            yield b"".join(binary)

    def _json(self, scores: Scores) -> Iterator[bytes]:
        """Yield the answer's JSON in parts, however small."""
        manifest = self._model.manifest
        head: dict[str, Any] = {
            "model_name": manifest.name,
            "model_version": str(manifest.version),
            "parameters": {
                "jacobian": manifest.jacobian,
                "calibration_rows": manifest.reference.rows,
                "reference_tail_ratio": manifest.reference.tail_ratio,
                "smallest_typicality": manifest.reference.smallest_typicality,
            },
        }
        if self._id is not None:
            head["id"] = self._id
        yield orjson.dumps(head)[:-1] + b',"outputs":['
        for index, (name, as_bytes) in enumerate(self._outputs):
            values = scores[name]
            output: dict[str, Any] = {"name": name, "shape": values.shape, "datatype": _DATATYPES[name]}
            if as_bytes:
                output["parameters"] = {"binary_data_size": values.nbytes}
            described = orjson.dumps(output)
            yield (b"," if index else b"") + (described if as_bytes else described[:-1] + b',"data":')
            if not as_bytes:
                yield from to_json(values)
                yield b"}"
        yield b"]}"

    def headers(self) -> dict[str, str]:
        """Return the answer's headers."""
        return self._headers


def _outputs(request: InferRequest) -> list[Answered]:
    """Return the outputs to answer with: those asked for, or all."""
    all_binary = flag(request.parameters, "binary_data_output") or False
    answered = []
    for output in request.outputs or ():
        if output.name not in _DATATYPES:
            raise UnknownFeatureError(
                f"no output is called {shown(output.name)!r}; there are {', '.join(_DATATYPES)}", field="outputs"
            )
        binary = flag(output.parameters, "binary_data")
        answered.append(Answered(output.name, all_binary if binary is None else binary))
    return answered or [Answered(name, all_binary) for name in _DATATYPES]


def _data(tensor: RequestTensor, binary: memoryview) -> NDArray[Any]:
    """Return the numbers of a tensor of good shape and datatype, in whichever of the two forms they came."""
    json, size = tensor.json, tensor.binary_size
    if json is not None and size is not None:
        raise MalformedRequestError(
            f"{tensor.name} has both data and binary_data_size: send its numbers once", field=tensor.name
        )
    dtype = NUMBERS[tensor.datatype]
    if size is not None:
        return from_bytes(tensor, size, binary, dtype)
    if json is None:
        raise MalformedRequestError(f"{tensor.name} has neither data nor binary_data_size", field=tensor.name)
    if len(binary):
        raise MalformedRequestError(
            f"{len(binary)} bytes follow the JSON, and no input has a binary_data_size that claims them",
            field=tensor.name,
        )
    return from_json(tensor, json, dtype)
