"""The file format of MNIST."""

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.errors import DataError

_UINT8 = 0x08
"""What the third byte says of a file of unsigned bytes; the fourth is the number of dimensions."""


def read_idx(file: Path, row: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the unsigned bytes of a gzipped idx file, [N, *row].

    Args:
        file: the file.
        row: the shape that each row must have, () where it is one byte.

    Raises:
        DataError: naming the file, if it is no such file, is truncated, or its rows have another shape.
    """
    try:
        with gzip.open(file) as stream:
            content = stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be unpacked ({error}): fetch it again") from error
    dimensions = 1 + len(row)
    header = 4 * (1 + dimensions)
    if content[:4] != bytes((0, 0, _UINT8, dimensions)) or len(content) < header:
        raise DataError(
            f"{file} is no idx file of unsigned bytes in {dimensions} dimensions: is it under a wrong name?"
        )
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    if shape[1:] != row:
        raise DataError(f"{file} has rows of shape {list(shape[1:])}, not {list(row)}: is it under a wrong name?")
    if len(content) != header + prod(shape):
        raise DataError(
            f"{file} holds {len(content) - header} bytes of data where its header says {prod(shape)}: fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
