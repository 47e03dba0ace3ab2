"""PNG and JPEG files without their pixels: what they say of themselves, and only those of their parts that are needed.

Whatever else a file may hold (texts, colour profiles, previews, further pictures) is left out before it is decoded, so
that nothing in it can be inflated, warned of or tripped over.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"

_PNG_PARTS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})

_END, _START_OF_SCAN, _FIRST_APPLICATION, _LAST_APPLICATION, _COMMENT = 0xD9, 0xDA, 0xE0, 0xEF, 0xFE

_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
"""The next marker that says something: a scan's data have 0xff before a 0 or a restart alone."""

_COLOUR_APPLICATIONS = frozenset({0xE0, 0xEE})
"""JFIF's and Adobe's segments: they say how the colours are coded."""

_MOST_SCANS = 64
"""A progressive JPEG is decoded anew with each of its scans, which may be empty; encoders make some ten."""

_ORIENTATION = 0x0112

_OTHERS = {b"GIF8": "a GIF", b"RIFF": "a WebP", b"BM": "a BMP", b"II*\x00": "a TIFF", b"MM\x00*": "a TIFF"}


class FileError(ValueError):
    """A file cannot be used; the message says what it is and what to send."""


class ImageFile(NamedTuple):
    """A PNG or JPEG file, stripped to what its pixels need."""

    kind: Literal["PNG", "JPEG"]
    data: bytes
    bits: int
    """per channel"""
    orientation: int
    """by EXIF, 1 to 8; 1 for as it is"""


def strip(data: bytes) -> ImageFile:
    """Return a file of which nothing is decoded yet.

    Raises:
        FileError: if it is neither PNG nor JPEG, animated, cut short, or made to be slow.
    """
    if data.startswith(_PNG):
        return _strip_png(data)
    if data.startswith(_JPEG):
        return _strip_jpeg(data)
    if not data:
        raise FileError("is empty: send a PNG or JPEG file")
    other = next((what for start, what in _OTHERS.items() if data.startswith(start)), "neither PNG nor JPEG")
    raise FileError(f"is {other}: send a PNG or JPEG file")


def _strip_png(data: bytes) -> ImageFile:
    parts, orientation, name = [_PNG], 1, b""
    at = len(_PNG)
    while at < len(data) and name != b"IEND":
        name, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            raise _cut_short()
        if name in _PNG_PARTS:
            parts.append(data[at:end])
        elif name == b"acTL":
            raise FileError("is animated: send one picture")
        elif name == b"eXIf":
            orientation = _orientation(data[at + 8 : end - 4])
        at = end
    if name != b"IEND":
        raise _cut_short()
    header = parts[1]
    if header[:8] != b"\x00\x00\x00\x0dIHDR":
        raise FileError("is no valid PNG: save it anew")
    return ImageFile("PNG", b"".join(parts), header[16], orientation)


def _strip_jpeg(data: bytes) -> ImageFile:
    parts, orientation = [data[:2]], 1
    for marker, start, end in _segments(data):
        if marker == _START_OF_SCAN:
            parts.append(data[start : _end_of_scans(data, start)])
            break
        if marker == _FIRST_APPLICATION + 1 and data[start + 4 : start + 10] == b"Exif\x00\x00":
            orientation = _orientation(data[start + 10 : end])
        named = _FIRST_APPLICATION <= marker <= _LAST_APPLICATION or marker == _COMMENT
        if not named or marker in _COLOUR_APPLICATIONS:
            parts.append(data[start:end])
    return ImageFile("JPEG", b"".join(parts), 8, orientation)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker, start and end of each segment of a JPEG up to its first scan."""
    at = 2
    while True:
        start = at
        while data[at : at + 1] == b"\xff":  # any number of these may stand before a marker
            at += 1
        if at == start or at + 3 > len(data):
            raise _cut_short() if at + 3 > len(data) else FileError("is no valid JPEG: save it anew")
        end = at + 1 + int.from_bytes(data[at + 1 : at + 3], "big")
        if end > len(data):
            raise _cut_short()
        yield data[at], at - 1, end
        at = end


def _end_of_scans(data: bytes, at: int) -> int:
    """Return where a JPEG ends whose first scan begins here; a phone may have put a film behind it.

    Raises:
        FileError: if it has too many scans.
    """
    scans = 0
    while (marker := _MARKER.search(data, at)) is not None:
        at = marker.end()
        if data[at - 1] == _END:
            return at
        scans += data[at - 1] == _START_OF_SCAN
        if scans > _MOST_SCANS:
            raise FileError(f"has more than {_MOST_SCANS} scans: save it anew")
        at += int.from_bytes(data[at : at + 2], "big")
    return len(data)


def _orientation(exif: bytes) -> int:
    """Return how the picture is to be turned, by its EXIF; 1 where that says nothing, or nothing sensible."""
    order: Literal["little", "big"] = "little" if exif.startswith(b"II") else "big"

    def number(start: int, size: int) -> int:
        return int.from_bytes(exif[start : start + size], order)

    directory = number(4, 4)
    for index in range(min(number(directory, 2), len(exif) // 12)):
        entry = directory + 2 + 12 * index
        if number(entry, 2) == _ORIENTATION:
            found = number(entry + 8, 2)
            return found if 1 <= found <= 8 else 1
    return 1


def _cut_short() -> FileError:
    return FileError("is cut short: send the whole file")
