"""The Open Inference Protocol's JSON tensors."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from service.errors import MalformedRequestError, UnknownFeatureError, WrongTypeError
from service.inference.model import Model, Scores
from service.inference.rows import check_count, check_values
from service.manifest import OUTPUTS

OUTPUT_NAMES = tuple(output.name for output in OUTPUTS)
_DATATYPES = {output.name: output.datatype for output in OUTPUTS}


class RequestTensor(msgspec.Struct):
    """One tensor of a request; its data is decoded when its shape is known to be right."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw
    parameters: dict[str, str | float | bool] = {}


class RequestedOutput(msgspec.Struct):
    """An output the client asks for."""

    name: str
    parameters: dict[str, str | float | bool] = {}


class InferRequest(msgspec.Struct):
    """The body of an infer request."""

    inputs: list[RequestTensor]
    outputs: list[RequestedOutput] | None = None
    id: str | None = None
    parameters: dict[str, str | float | bool] = {}


_REQUESTS = msgspec.json.Decoder(InferRequest)
_FLAT = msgspec.json.Decoder(list[float | None])
_NESTED = msgspec.json.Decoder(list[list[float | None]])


class TensorCodec:
    """Reads one infer request and writes its answer.

    Args:
        model: the model asked.
        max_rows: most rows in one request.
    """

    def __init__(self, model: Model, max_rows: int) -> None:
        self._model = model
        self._max_rows = max_rows
        self._id: str | None = None
        self._outputs: Sequence[str] = OUTPUT_NAMES

    def read(self, body: bytes) -> NDArray[np.float32]:
        """Return the rows [N, features] of a request; null, JSON's only word for a missing number, becomes NaN.

        Raises:
            ServiceError: if the body, the input's name, datatype, shape or data, or an output's name is wrong.
        """
        request = _read_request(body)
        self._id = request.id
        self._outputs = _requested_outputs(request)
        table = self._model.manifest.input
        names = [tensor.name for tensor in request.inputs]
        if names != [table.tensor]:
            raise UnknownFeatureError(
                f"the inputs are {', '.join(map(repr, names)) or 'none'} and the model takes one, {table.tensor!r}",
                field="inputs",
            )
        tensor, width = request.inputs[0], len(table.features)
        if tensor.datatype != "FP32":
            raise WrongTypeError(f"{tensor.name} has datatype {tensor.datatype!r}: send FP32", field=tensor.name)
        if len(tensor.shape) != 2 or tensor.shape[1] != width or tensor.shape[0] < 0:
            raise WrongTypeError(f"{tensor.name} has shape {tensor.shape}: send [rows, {width}]", field=tensor.name)
        check_count(tensor.shape[0], self._max_rows)
        # Numbers are one more than the commas between them, flat or nested: too many are refused undecoded.
        size = bytes(tensor.data).count(b",") + 1
        if size <= tensor.shape[0] * width:
            values = _numbers(tensor)
            size = values.size
        if size != tensor.shape[0] * width:
            raise WrongTypeError(
                f"{tensor.name} has {size} numbers and its shape {tensor.shape} needs {tensor.shape[0] * width}",
                field=tensor.name,
            )
        rows = values.reshape(tensor.shape)
        check_values(rows, table)
        return rows

    def write(self, scores: Scores) -> Iterator[bytes]:
        """Yield the answer's JSON with the outputs asked for, data flat in row-major order."""
        answer: dict[str, Any] = {
            "model_name": self._model.manifest.name,
            "model_version": str(self._model.manifest.version),
            "outputs": [
                {
                    "name": name,
                    "shape": scores[name].shape,
                    "datatype": _DATATYPES[name],
                    "data": np.ascontiguousarray(scores[name]).ravel(),
                }
                for name in self._outputs
            ],
        }
        if self._id is not None:
            answer["id"] = self._id
        yield orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)

    def headers(self) -> dict[str, str]:
        """Return the answer's headers."""
        return {"content-type": "application/json"}


def _read_request(body: bytes) -> InferRequest:
    try:
        return _REQUESTS.decode(body)
    except msgspec.ValidationError as error:
        raise MalformedRequestError(f"the body is not an infer request: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequestError(
            f"the body is not JSON: {error}; JSON has no NaN or infinity, a missing number is null"
        ) from None


def _requested_outputs(request: InferRequest) -> Sequence[str]:
    """Return the outputs to answer with: those asked for, or all."""
    if not request.outputs:
        return OUTPUT_NAMES
    for output in request.outputs:
        if output.name not in OUTPUT_NAMES:
            raise UnknownFeatureError(
                f"no output is called {output.name!r}; there are {', '.join(OUTPUT_NAMES)}", field="outputs"
            )
    return [output.name for output in request.outputs]


def _numbers(tensor: RequestTensor) -> NDArray[np.float32]:
    """Return the tensor's data, flat or nested by row."""
    data = bytes(tensor.data)
    nested = data[1:].lstrip().startswith(b"[")
    try:
        values: list[Any] = (_NESTED if nested else _FLAT).decode(data)
    except msgspec.ValidationError as error:
        raise WrongTypeError(f"the data of {tensor.name} is not numbers: {error}", field=tensor.name) from None
    if nested and len({len(row) for row in values}) > 1:
        raise WrongTypeError(f"the rows of {tensor.name} differ in length", field=tensor.name)
    with np.errstate(over="ignore"):
        return np.array(values, dtype=np.float32)
