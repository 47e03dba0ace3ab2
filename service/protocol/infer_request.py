"""The JSON of an Open Inference Protocol infer request."""

from collections.abc import Mapping
from typing import Final

import msgspec

from service.errors import MalformedRequestError, UnsupportedParameterError, shown
from service.protocol.half_characters import half_of, read_leniently

Parameters = dict[str, str | int | float | bool]
"""What a client says beside its tensors. Those that mean nothing here are ignored, as the protocol wants it:
`timeout`, `priority` and `sequence_*` too."""

_ABSENT: Final = msgspec.Raw(b"")

_ELSEWHERE: Final = {
    "classification": "this server gives no classification strings: ask for the output probabilities or label",
    "shared_memory_region": "this server shares no memory with its clients: send tensors in the body",
}
"""Parameters of extensions that are not here; ignoring them would answer another question than was asked."""


class RequestTensor(msgspec.Struct):
    """One tensor of a request; its data is decoded when its shape is known to be right."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = _ABSENT
    parameters: Parameters | None = None

    @property
    def json(self) -> bytes | None:
        """Return its data's JSON, None where there is none."""
        data = bytes(self.data)
        return None if data in {b"", b"null"} else data

    @property
    def binary_size(self) -> int | None:
        """Return how many bytes after the JSON are its data, None if it says nothing of that.

        Raises:
            MalformedRequestError: if it says so with anything but a number of bytes.
        """
        size = (self.parameters or {}).get("binary_data_size")
        if size is None:
            return None
        if type(size) is not int or size < 0:
            raise MalformedRequestError(
                f"binary_data_size of {shown(self.name)} is {shown(repr(size))}: send the number of its bytes",
                field=shown(self.name),
            )
        return size


class RequestedOutput(msgspec.Struct):
    """An output the client asks for."""

    name: str
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct):
    """The body of an infer request; null stands for what may be left out."""

    inputs: list[RequestTensor]
    outputs: list[RequestedOutput] | None = None
    id: str | None = None
    parameters: Parameters | None = None


_REQUESTS = msgspec.json.Decoder(InferRequest)


def read_request(content: bytes | memoryview) -> InferRequest:
    """Return the request in a JSON text.

    Raises:
        MalformedRequestError: if it is not JSON, or not an infer request.
        UnsupportedParameterError: if it asks for an extension that is not here.
    """
    try:
        request = _REQUESTS.decode(content)
    except msgspec.ValidationError as error:
        raise MalformedRequestError(f"the body is not an infer request: {shown(str(error))}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if half := half_of(read_leniently(content)):
            raise MalformedRequestError(
                f"the body has {half}, half of a surrogate pair and no character: send both halves, or neither"
            ) from None
        raise MalformedRequestError(
            f"the body is not JSON: {error}; JSON has no NaN or infinity, a missing number is null"
        ) from None
    for part in (*request.inputs, *(request.outputs or ())):
        for name, why in _ELSEWHERE.items():
            if name in (part.parameters or ()):
                raise UnsupportedParameterError(f"the parameter {name} is not supported: {why}", field=shown(part.name))
    return request


def flag(parameters: Mapping[str, object] | None, name: str) -> bool | None:
    """Return a parameter that is true or false, None where it is not given.

    Raises:
        MalformedRequestError: if it is anything else.
    """
    value = (parameters or {}).get(name)
    if value is None or isinstance(value, bool):
        return value
    raise MalformedRequestError(f"the parameter {name} is {shown(repr(value))}: send true or false")
