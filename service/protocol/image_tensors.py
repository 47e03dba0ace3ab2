"""Images as a tensor of an infer request: UINT8, [N, height, width, channels]."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import WrongTypeError, shown
from service.inference.rows import RowLimits, check_count
from service.inputs import ImageInput
from service.protocol.binary_tensors import from_bytes
from service.protocol.images import check_pixels
from service.protocol.infer_request import RequestTensor
from service.protocol.tensor_data import Taken, json_of

_DATATYPE: Final = np.dtype(np.uint8)

_VALUES: Final = msgspec.json.Decoder(list[Annotated[int, msgspec.Meta(ge=0, le=255)]])

_PLACE: Final = re.compile(r" - at `\$\[(\d+)\]`$")
"""Where a decoder says which value is wrong."""


class ImageTensor:
    """Reads the input of a model of images, which must have the model's size.

    Args:
        image: what the model takes.
        limits: what is read of a request.
    """

    heavy: ClassVar = True

    def __init__(self, image: ImageInput, limits: RowLimits) -> None:
        self.names = (image.tensor,)
        self._image = image
        self._limits = limits

    def read(self, tensors: Sequence[RequestTensor], binary: memoryview) -> Taken:
        """Return the rows [N, height, width, channels] of a tensor.

        Raises:
            ServiceError: if its datatype, shape or data is wrong.
        """
        [tensor] = tensors
        image = self._image
        shape = list(image.gradient_shape)
        if tensor.datatype != "UINT8":
            raise WrongTypeError(
                f"{tensor.name} has datatype {shown(tensor.datatype)!r}: send UINT8, values from 0 to 255",
                field=tensor.name,
            )
        if len(tensor.shape) != 4 or tensor.shape[1:] != shape or tensor.shape[0] < 0:
            raise WrongTypeError(
                f"{tensor.name} has shape {shown(str(tensor.shape[:100]))}: send [rows, {', '.join(map(str, shape))}], "
                "which is rows, height, width, channels",
                field=tensor.name,
            )
        check_count(tensor.shape[0], self._limits.rows)
        check_pixels(tensor.shape[0], image, self._limits)
        json = json_of(tensor, binary)
        return Taken(from_bytes(tensor, binary, _DATATYPE) if json is None else _from_json(tensor, json))

    def read_raw(self, binary: memoryview) -> Taken:
        """Return the rows in a body that is pixel values and nothing else.

        Raises:
            ServiceError: if they are no whole images.
        """
        shape = self._image.gradient_shape
        size = int(np.prod(shape))
        if len(binary) % size:
            raise WrongTypeError(
                f"the body has {len(binary)} bytes, and an image of {self._image.tensor} takes {size}",
                field=self._image.tensor,
            )
        parameters: dict[str, str | int | float | bool] = {"binary_data_size": len(binary)}
        tensor = RequestTensor(self._image.tensor, [len(binary) // size, *shape], "UINT8", parameters=parameters)
        return self.read([tensor], binary)


def _from_json(tensor: RequestTensor, data: bytes) -> NDArray[np.uint8]:
    """Return a tensor from its data's JSON, flat or nested down to any of its dimensions."""
    needed, values = math.prod(tensor.shape), data.count(b",") + 1
    if values != needed:
        raise WrongTypeError(
            f"{tensor.name} has {values} values and its shape {tensor.shape} needs {needed}", field=tensor.name
        )
    lists = np.cumsum(np.cumprod([1, *tensor.shape[:-1]]))
    if data.count(b"[") not in lists:
        raise WrongTypeError(
            f"the data of {tensor.name} is not nested as its shape {tensor.shape} says: send it so, or flat",
            field=tensor.name,
        )
    try:
        # A list of small numbers becomes bytes ten times as fast as lists of lists of them become an array.
        found = bytes(_VALUES.decode(b"[%b]" % data.translate(None, b"[]")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        place = _PLACE.search(str(error))
        row = int(place[1]) // (needed // tensor.shape[0]) if place else None
        where = "" if row is None else f" in row {row}"
        raise WrongTypeError(
            f"the data of {tensor.name} is not whole numbers from 0 to 255{where}: {shown(_PLACE.sub('', str(error)))}",
            row=row,
            field=tensor.name,
        ) from None
    return np.frombuffer(found, np.uint8).reshape(tensor.shape)
