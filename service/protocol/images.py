"""The friendly protocol's instances of an image: to rows."""

from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Annotated, Any, ClassVar, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidImageError, MalformedRequestError, ServiceError, WrongTypeError, shown
from service.inference.images import Picture, PixelBudget
from service.inference.rows import RowLimits, check_count
from service.inputs import ImageInput
from service.protocol.predict_codec import NO_PARAMETERS, Asked, check_sensitivities, read_sensitivity


class _Body(msgspec.Struct):
    instances: list[msgspec.Raw]
    parameters: msgspec.Raw = NO_PARAMETERS


class _Encoded(msgspec.Struct, forbid_unknown_fields=True):
    b64: str


_Value = Annotated[int, msgspec.Meta(ge=0, le=255)]

_BODIES: Final = msgspec.json.Decoder(_Body)
_ENCODED: Final = msgspec.json.Decoder(_Encoded)
_STRINGS: Final = msgspec.json.Decoder(str)
_LINES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_PIXELS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "L": msgspec.json.Decoder(list[_Value]),
    "RGB": msgspec.json.Decoder(list[tuple[_Value, _Value, _Value]]),
}
"""Of one line of an image: a whole one would keep every other thread waiting for as long as it takes."""


class ImageReader:
    """Reads `{"instances": [...]}` for one model of images.

    Args:
        image: what the model takes.
        limits: what is read of a request.
    """

    heavy: ClassVar = True

    def __init__(self, image: ImageInput, limits: RowLimits) -> None:
        self._image = image
        self._limits = limits
        numbers = f"{image.height} lines of {image.width} " + (
            "whole numbers" if image.mode == "L" else "times 3 whole numbers"
        )
        self._shape = f'send a PNG or JPEG file in base64, as a text or {{"b64": "..."}}, or {numbers} from 0 to 255'

    def read(self, body: bytes) -> Asked:
        """Return the rows [N, height, width, channels] of a request body, and which of them were resized.

        Raises:
            ServiceError: what is wrong with the body, and in which row.
        """
        image = self._image
        try:
            found = _BODIES.decode(body)
        except msgspec.ValidationError:
            raise MalformedRequestError(
                f'the body has no list of instances: send {{"instances": [...]}}; of each, {self._shape}'
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRequestError(f"the body is not JSON: {error}") from None
        count = len(found.instances)
        check_count(count, self._limits.rows)
        sensitivity = read_sensitivity(found.parameters, otherwise=False)
        if sensitivity:
            check_sensitivities(count, image)
        check_pixels(count, image, self._limits)
        rows = np.empty((count, image.height, image.width, len(image.channels)), np.uint8)
        resized = np.zeros(count, np.bool_)
        budget = PixelBudget(self._limits.pixels)
        for row, instance in enumerate(found.instances):
            try:
                resized[row] = self._read(bytes(instance), row, rows[row], budget)
            except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as error:
                raise MalformedRequestError(f"row {row} is not JSON: {shown(str(error))}", row=row) from None
        return Asked(rows, sensitivity, resized)

    def _read(self, instance: bytes, row: int, pixels: NDArray[np.uint8], budget: PixelBudget) -> bool:
        """Write the pixels of an instance to where they belong, and return whether it was resized."""
        match instance[:1]:
            case b'"':
                text = _STRINGS.decode(instance)
            case b"{":
                try:
                    text = _ENCODED.decode(instance).b64
                except msgspec.ValidationError as error:
                    raise self._wrong(row, f"is no image: {shown(str(error))}") from None
            case b"[":
                self._read_numbers(instance, row, pixels)
                return False
            case _:
                raise self._wrong(row, f"is {_KINDS.get(instance[:1], 'a number')}")
        picture = Picture(_file(text, row), self._image, row)
        budget.spend(picture.pixels, row)
        pixels[:] = picture.decode()
        return picture.resized

    def _read_numbers(self, instance: bytes, row: int, pixels: NDArray[np.uint8]) -> None:
        height, width = pixels.shape[:2]
        lines = _LINES.decode(instance)
        if len(lines) != height:
            raise self._wrong(row, f"has {len(lines)} lines of numbers, and the model's images have {height}")
        values = pixels[:, :, 0] if self._image.mode == "L" else pixels
        decoder = _PIXELS[self._image.mode]
        for number, line in enumerate(lines):
            try:
                found = decoder.decode(line)
            except msgspec.ValidationError as error:
                raise self._wrong(row, f"has an odd line {number}: {shown(str(error))}") from None
            if len(found) != width:
                raise self._wrong(row, f"has {len(found)} pixels in line {number}, and the model's have {width}")
            values[number] = found

    def _wrong(self, row: int, what: str) -> ServiceError:
        return WrongTypeError(f"row {row} {what}: {self._shape}", row=row)


_KINDS: Final = {b"t": "a boolean", b"f": "a boolean", b"n": "null"}


def check_pixels(count: int, image: ImageInput, limits: RowLimits) -> None:
    """Raise TooManyPixelsError if so many images have too many pixels already as the model takes them."""
    budget = PixelBudget(limits.pixels)
    budget.spend(count * image.height * image.width, count - 1)


def _file(text: str, row: int) -> bytes:
    """Return the file in a base64 text, which may begin as a data URL does and be broken into lines.

    Raises:
        InvalidImageError: if it is not base64.
    """
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise InvalidImageError(
                f"the image of row {row} is a data URL without base64: send data:image/png;base64,...", row=row
            )
    try:
        try:
            return a2b_base64(text, strict_mode=True)
        except Base64Error:
            return a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as error:  # of which Base64Error is one; the other is that it is not ASCII
        raise InvalidImageError(
            f"the image of row {row} is not base64 ({error}): send the bytes of a PNG or JPEG file in base64", row=row
        ) from None
