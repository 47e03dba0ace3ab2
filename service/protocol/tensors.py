"""The Open Inference Protocol's infer bodies: tensors to rows, scores to tensors, as JSON or as bytes."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from service.errors import MalformedRequestError, UnknownFeatureError, shown
from service.inference.jobs import Scored
from service.inference.model import Model, Scores
from service.inference.rows import RowLimits
from service.inputs import ImageInput, TableInput, TextInput, text_of
from service.manifest import outputs_of
from service.protocol.answer import JSON, OCTETS, Header
from service.protocol.binary_tensors import LENGTH_HEADER, split_body, to_bytes
from service.protocol.image_tensors import ImageTensor
from service.protocol.infer_request import InferRequest, flag, read_request
from service.protocol.json_tensors import in_pieces, to_json
from service.protocol.predict_codec import check_sensitivities
from service.protocol.table_tensors import TableTensor
from service.protocol.table_text_tensors import TableTextTensors
from service.protocol.tensor_data import TensorReader
from service.protocol.text_tensors import TextTensor


class Answered(NamedTuple):
    """An output to answer with."""

    name: str
    binary: bool


class Tensors:
    """A model as the protocol sees it.

    Args:
        model: what is asked.
        limits: what may be in one request.
    """

    def __init__(self, model: Model, limits: RowLimits) -> None:
        manifest = model.manifest
        self.manifest = manifest
        self.reader = _reader(model, limits)
        self.texts = text_of(manifest.input) is not None
        self.datatypes = {output.name: output.datatype for output in outputs_of(manifest)}
        self.head: dict[str, Any] = {
            "model_name": manifest.name,
            "model_version": str(manifest.version),
            "parameters": {
                "jacobian": manifest.jacobian,
                "calibration_rows": manifest.reference.rows,
                "reference_tail_ratio": manifest.reference.tail_ratio,
                "smallest_typicality": manifest.reference.smallest_typicality,
            },
        }
        self.written_head = orjson.dumps(self.head)
        self.described = {
            name: (b'{"name":%b,"shape":' % orjson.dumps(name), b',"datatype":%b' % orjson.dumps(datatype))
            for name, datatype in self.datatypes.items()
        }
        """an output's JSON before its shape and after it"""


class TensorCodec:
    """Reads one infer request and writes its answer.

    Args:
        tensors: of the model asked.
        headers: the request's.
    """

    def __init__(self, tensors: Tensors, headers: Mapping[str, str]) -> None:
        self.altered = 0
        """rows that are not whole, once the request is read"""
        self.heavy = tensors.reader.heavy
        self._tensors = tensors
        self._request_headers = headers
        self._id: str | None = None
        self._outputs: list[Answered] = []
        self._headers = [JSON]

    def read(self, body: bytes) -> NDArray[Any]:
        """Return the rows of a request, as `Model.score` takes them.

        Raises:
            ServiceError: if the body, the input's name, datatype, shape or data, or an output's name is wrong.
        """
        reader, manifest = self._tensors.reader, self._tensors.manifest
        json, binary, raw = split_body(body, self._request_headers)
        request = InferRequest([], parameters={"binary_data_output": True}) if raw else read_request(json)
        self._id = request.id
        self._outputs = self._outputs_of(request)
        if raw:
            taken = reader.read_raw(binary)
        else:
            names = [tensor.name for tensor in request.inputs]
            if sorted(names) != sorted(reader.names):
                number, wanted = ("one", "two")[len(reader.names) - 1], " and ".join(map(repr, reader.names))
                raise UnknownFeatureError(
                    f"the inputs are {shown(', '.join(map(repr, names))) or 'none'} and the model takes {number}, "
                    f"{wanted}",
                    field="inputs",
                )
            taken = reader.read(request.inputs, binary)
        if not isinstance(manifest.input, TableInput) and Answered("sensitivity", binary=False) in self._outputs:
            check_sensitivities(len(taken.rows), manifest.input)
        if taken.altered is not None:
            self.altered = int(np.count_nonzero(taken.altered))
        return taken.rows

    def write(self, scored: Scored, _name: str | None = None, /) -> Iterator[bytes]:
        """Yield the answer: the outputs asked for, in row-major order, binary ones behind the JSON."""
        scores = scored.scores
        binary = [to_bytes(scores[name]) for name, as_bytes in self._outputs if as_bytes]
        size = 0
        for piece in in_pieces(self._json(scores)):
            size += len(piece)
            yield piece
        if binary:
            self._headers = [OCTETS, (LENGTH_HEADER.encode(), b"%d" % size)]
            yield b"".join(binary)

    def _json(self, scores: Scores) -> Iterator[bytes]:
        """Yield the answer's JSON in parts, however small."""
        written = self._tensors.written_head
        if self._tensors.texts or self._id is not None:
            head = dict(self._tensors.head)
            if self._tensors.texts:
                head["parameters"] = head["parameters"] | {"truncated_rows": self.altered}
            if self._id is not None:
                head["id"] = self._id
            written = orjson.dumps(head)
        yield written[:-1] + b',"outputs":['
        for index, (name, as_bytes) in enumerate(self._outputs):
            values = scores[name]
            before, after = self._tensors.described[name]
            described = b"%b%b%b%b" % (b"," if index else b"", before, str(list(values.shape)).encode(), after)
            if as_bytes:
                yield b'%b,"parameters":{"binary_data_size":%d}}' % (described, values.nbytes)
            else:
                yield described + b',"data":'
                yield from to_json(values)
                yield b"}"
        yield b"]}"

    def headers(self) -> list[Header]:
        """Return the answer's headers."""
        return self._headers

    def _outputs_of(self, request: InferRequest) -> list[Answered]:
        """Return the outputs to answer with: those asked for, or all."""
        all_binary = flag(request.parameters, "binary_data_output") or False
        answered: list[Answered] = []
        for output in request.outputs or ():
            if output.name not in self._tensors.datatypes:
                raise UnknownFeatureError(
                    f"no output is called {shown(output.name)!r}; there are {', '.join(self._tensors.datatypes)}",
                    field="outputs",
                )
            if any(output.name == other.name for other in answered):
                # An answer must not be many times as long as what was asked.
                raise MalformedRequestError(f"the output {output.name} is asked for twice", field="outputs")
            binary = flag(output.parameters, "binary_data")
            answered.append(Answered(output.name, all_binary if binary is None else binary))
        return answered or [Answered(name, all_binary) for name in self._tensors.datatypes]


def _reader(model: Model, limits: RowLimits) -> TensorReader:
    """Return what reads the input that a model takes."""
    match model.manifest.input:
        case TableInput() as table:
            if table.text is not None:
                return TableTextTensors(table, table.text, model.tokenizer, limits.rows)
            return TableTensor(table, limits.rows)
        case TextInput():
            return TextTensor(model.tokenizer, limits.rows)
        case ImageInput() as image:
            return ImageTensor(image, limits)
