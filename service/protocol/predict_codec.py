"""One request of the friendly protocol: what is the same whatever its instances are."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import MalformedRequestError, TooManyRowsError, WrongTypeError
from service.inference.jobs import Scored
from service.inputs import Input
from service.protocol.answer import JSON, Header
from service.protocol.predictions import PredictionWriter

NO_PARAMETERS: Final = msgspec.Raw(b"null")
"""Stands for a body's `parameters` where it has none."""

MOST_SENSITIVITIES: Final = 1 << 22
"""Numbers of sensitivity that one answer in JSON has at most: they are some 50 MB."""

LONGEST_NAME: Final = 64
"""What a client wrote is repeated to it up to this length."""


class Asked(NamedTuple):
    """What is in a predict body."""

    rows: NDArray[Any]
    """[N, ...] as `Model.score` takes them"""
    sensitivity: bool
    """whether it is to be answered with each row's"""
    altered: NDArray[np.bool_] | None = None
    """which of the rows are not what was sent, texts that were cut and images that were resized; None where none is"""


class Reader(Protocol):
    """Reads the predict bodies of one model; knows nothing of the request before."""

    @property
    def heavy(self) -> bool:
        """Whether a body takes so long to read that the event loop cannot."""

    def read(self, body: bytes) -> Asked:
        """Return what a body asks.

        Raises:
            ServiceError: what is wrong with the body, and in which row.
        """


class PredictCodec:
    """Reads one request and writes its answer.

    Args:
        reader: of the model's bodies.
        writer: of its answers.
    """

    def __init__(self, reader: Reader, writer: PredictionWriter) -> None:
        self.heavy = reader.heavy
        self.altered = 0
        self._reader = reader
        self._writer = writer
        self._sensitivity = True
        self._altered: NDArray[np.bool_] | None = None

    def read(self, body: bytes) -> NDArray[Any]:
        """Return the rows in a body.

        Raises:
            ServiceError: what is wrong with it.
        """
        rows, self._sensitivity, self._altered = self._reader.read(body)
        if self._altered is not None:
            self.altered = int(np.count_nonzero(self._altered))
        return rows

    def write(self, scored: Scored, name: str | None, /) -> Iterator[bytes]:
        """Yield the body that answers it."""
        return self._writer.write(scored, name, sensitivity=self._sensitivity, altered=self._altered)

    def headers(self) -> list[Header]:
        """Return the answer's headers."""
        return [JSON]


class _Parameters(msgspec.Struct):
    sensitivity: bool | None = None


_PARAMETERS = msgspec.json.Decoder(_Parameters | None)


def read_sensitivity(parameters: msgspec.Raw, *, otherwise: bool) -> bool:
    """Return whether a body's `parameters` ask for sensitivities; whatever else they say is ignored.

    Args:
        parameters: their JSON.
        otherwise: the answer where they do not say.

    Raises:
        WrongTypeError: if it is neither true nor false.
        MalformedRequestError: if they are no object.
    """
    if parameters is NO_PARAMETERS:
        return otherwise
    try:
        found = _PARAMETERS.decode(parameters)
    except msgspec.ValidationError as error:
        if str(error).endswith("at `$.sensitivity`"):
            raise WrongTypeError("the parameter sensitivity is neither true nor false", field="sensitivity") from None
        raise MalformedRequestError("parameters is not an object", field="parameters") from None
    return otherwise if found is None or found.sensitivity is None else found.sensitivity


def check_sensitivities(rows: int, taken: Input) -> None:
    """Refuse to write more sensitivities as JSON than can be written and read within reason.

    Args:
        rows: of the request.
        taken: what the model takes.

    Raises:
        TooManyRowsError: if they are too many numbers.
    """
    values = rows * int(np.prod(taken.gradient_shape))
    if values > MOST_SENSITIVITIES:
        raise TooManyRowsError(
            f"the sensitivities of {rows} rows are {values} numbers, and an answer in JSON has {MOST_SENSITIVITIES} at "
            "most: send fewer rows, do without sensitivity, or take it in binary under /v2"
        )


def kind_of(value: object) -> str:
    """Return in words what kind of JSON value stands where something else is wanted."""
    kinds = {bool: "a boolean", str: "a text", dict: "an object", list: "a list", type(None): "null"}
    return kinds.get(type(value), "a number")
