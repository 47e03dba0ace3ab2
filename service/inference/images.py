"""Pictures as clients send them, to pixels as a model takes them."""

from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from service.errors import InvalidImageError, TooManyPixelsError
from service.inference.image_files import FileError, ImageFile, strip
from service.inputs import ImageInput

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF's orientation."""

_SIDEWAYS: Final = 5
"""From this orientation on, width and height change places."""

_KINDS: Final = {"1": "grey", "L": "grey", "RGB": "colour"}
_DEEP: Final = 8

_MARGIN: Final = 2
"""A JPEG is decoded at a fraction of its size where that leaves it this many times as large as is needed."""


class Picture:
    """A PNG or JPEG file whose header is known to be good; its pixels are still to be decoded.

    Args:
        data: the file.
        image: what the model takes.
        row: of the request, for error messages.

    Raises:
        InvalidImageError: if the header says that it is not for this model.
    """

    def __init__(self, data: bytes, image: ImageInput, row: int) -> None:
        self._image = image
        self._row = row
        try:
            file = strip(data)
        except FileError as error:
            raise self._fault(str(error)) from None
        self._opened = self._open(file)
        self._turn = file.orientation
        self._check_mode(file)
        width, height = self._opened.size
        self.pixels = width * height
        """as its header says"""
        self.size = (height, width) if self._turn >= _SIDEWAYS else (width, height)
        """width and height, turned upright"""
        self.resized = self.size != (image.width, image.height)
        """whether it has another size than the model takes"""
        if self.resized and image.resize == "refuse":
            raise self._fault(
                f"is {self.size[0]} × {self.size[1]} pixels, and the model takes {image.width} × {image.height} "
                "(width × height): resize it"
            )

    def decode(self) -> NDArray[np.uint8]:
        """Return its pixels [height, width, channels].

        Raises:
            InvalidImageError: if they are not whole.
        """
        image, opened = self._image, self._opened
        target = (image.width, image.height)
        try:
            if self.resized and isinstance(opened, JpegImageFile):
                longest = _MARGIN * max(target)
                opened.draft(None, (longest, longest))
            pixels = self._in_mode(opened)
            if self._turn in _TURNS:
                pixels = pixels.transpose(_TURNS[self._turn])
            if self.resized:
                pixels = pixels.resize(target, Image.Resampling.BILINEAR, box=self._box(pixels.size))
            return np.asarray(pixels, np.uint8).reshape(image.height, image.width, len(image.channels))
        except (InvalidImageError, MemoryError):
            raise
        except Exception as error:  # whatever its decoders stumble on, and there is no end of that
            raise self._fault(f"cannot be decoded ({error}): send the whole file, or save it anew") from None

    def _open(self, file: ImageFile) -> PngImageFile | JpegImageFile:
        # Not by Image.open: it would warn of sizes, which are bounded here.
        try:
            return (PngImageFile if file.kind == "PNG" else JpegImageFile)(BytesIO(file.data))
        except MemoryError:
            raise
        except Exception as error:  # as above
            raise self._fault(f"is no valid {file.kind} ({error}): save it anew") from None

    def _check_mode(self, file: ImageFile) -> None:
        mode, wanted = self._opened.mode, self._image.mode
        if file.bits > _DEEP:
            raise self._fault(f"has {file.bits} bits per channel: send 8")
        if mode in {"LA", "RGBA"} or "transparency" in self._opened.info:
            raise self._fault("has an alpha channel, and the model knows no transparency: put it on a background")
        if mode == "P":
            return  # what its palette holds shows when it is decoded
        found = _KINDS.get(mode, mode)
        if found != _KINDS[wanted]:
            raise self._fault(f"is {found}, and the model takes {_KINDS[wanted]}: send it in {_KINDS[wanted]}")

    def _in_mode(self, opened: Image.Image) -> Image.Image:
        """Return the picture in the model's mode; a palette of nothing but greys will do for grey."""
        if opened.mode != "P" or self._image.mode == "RGB":
            return opened.convert(self._image.mode)
        colours = opened.convert("RGB")
        red, green, blue = colours.split()
        if red.tobytes() == green.tobytes() == blue.tobytes():
            return red
        raise self._fault("has a palette of colours, and the model takes grey: send it in grey")

    def _box(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return what is to be scaled of a picture: all, or the largest part of its middle in proportion."""
        width, height = size
        if self._image.resize == "stretch":
            return 0, 0, width, height
        scale = min(width / self._image.width, height / self._image.height)
        left, top = (width - scale * self._image.width) / 2, (height - scale * self._image.height) / 2
        return left, top, width - left, height - top

    def _fault(self, what: str) -> InvalidImageError:
        return InvalidImageError(f"the image of row {self._row} {what}", row=self._row)


class PixelBudget:
    """Counts the pixels of a request's pictures before they are decoded.

    Args:
        most: that may be among them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most

    def spend(self, pixels: int, row: int) -> None:
        """Count the pixels of one picture.

        Raises:
            TooManyPixelsError: if they are too many, those of the rows before included.
        """
        if pixels > self._left:
            raise TooManyPixelsError(
                f"the image of row {row} has {pixels} pixels, and {self._left} are left of the {self._most} allowed in "
                "one request: send smaller or fewer images, or raise max_image_pixels",
                row=row,
            )
        self._left -= pixels
