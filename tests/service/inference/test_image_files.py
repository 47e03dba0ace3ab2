import struct
import zlib

import pytest
from PIL.ExifTags import Base

from service.inference.image_files import FileError, strip
from tests.service.made_images import picture, smooth


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    """Put a chunk behind the header."""
    return png[:33] + chunk(name, content) + png[33:]


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """Put a segment at the start."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def exif(orientation: int) -> bytes:
    found = smooth().getexif()
    found[Base.Orientation] = orientation
    return found.tobytes()


def test_what_pixels_do_not_need_is_left_out() -> None:
    png = picture()
    assert strip(with_chunk(png, b"zTXt", b"Comment\x00\x00" + zlib.compress(b" " * 10_000_000))).data == png
    assert strip(with_chunk(png, b"iCCP", b"odd")).data == png
    jpeg = picture(kind="JPEG")
    for marker in (0xE1, 0xE2, 0xED, 0xFE):
        assert strip(with_segment(jpeg, marker, b"anything")).data == jpeg
    adobe = with_segment(jpeg, 0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x01")
    assert strip(adobe).data == adobe


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_what_a_camera_wrote(orientation: int) -> None:
    assert strip(picture(kind="JPEG", exif=exif(orientation))).orientation == orientation
    assert strip(picture(kind="PNG", exif=exif(orientation))).orientation == orientation


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"II*\x00",
        b"II*\x00\xff\xff\xff\xff",
        b"MM\x00*\x00\x00\x00\x08\xff\xff",
        b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x09",
        b"\x00" * 40,
    ],
)
def test_an_orientation_that_makes_no_sense_is_none(content: bytes) -> None:
    assert strip(with_chunk(picture(), b"eXIf", content)).orientation == 1
    assert strip(with_segment(picture(kind="JPEG"), 0xE1, b"Exif\x00\x00" + content)).orientation == 1


def test_every_cut_within_what_is_looked_at_is_seen() -> None:
    png = picture()
    for length in range(9, len(png)):
        with pytest.raises(FileError, match="cut short"):
            strip(png[:length])
    jpeg = picture(kind="JPEG")
    for length in range(4, jpeg.index(b"\xff\xda")):
        with pytest.raises(FileError, match="cut short"):
            strip(jpeg[:length])


PROGRESSIVE = picture(kind="JPEG", progressive=True)


@pytest.mark.parametrize("jpeg", [picture(kind="JPEG"), PROGRESSIVE], ids=["baseline", "progressive"])
def test_what_a_phone_puts_behind_a_jpeg_is_left_out_whatever_it_looks_like(jpeg: bytes) -> None:
    assert strip(jpeg + b"\xff\xda\x00\x02" * 1000).data == jpeg
    assert strip(jpeg + picture(kind="JPEG", seed=1)).data == jpeg


def test_scans_are_found_behind_segments_that_hold_the_mark_of_an_end() -> None:
    hidden = with_segment(b"", 0xFE, b"\xff\xd9") + b"\xff\xda\x00\x02" * 64
    with pytest.raises(FileError, match="scans"):
        strip(PROGRESSIVE[:-2] + hidden + PROGRESSIVE[-2:])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (picture("P", kind="GIF"), "is a GIF"),
        (picture(kind="BMP"), "is a BMP"),
        (picture(kind="TIFF"), "is a TIFF"),
        (b"%PDF-1.7", "neither PNG nor JPEG"),
        (with_chunk(picture(), b"acTL", struct.pack(">II", 2, 0)), "animated"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "no valid PNG"),
        (b"\xff\xd8\xff\xe0\x00\x04\x00\x00\x00\x00\x00\x00", "no valid JPEG"),
        (PROGRESSIVE[:-2] + b"\xff\xda\x00\x02" * 64 + PROGRESSIVE[-2:], "more than 64 scans"),
    ],
    ids=["empty", "gif", "bmp", "tiff", "pdf", "animated png", "png without header", "odd jpeg", "scans"],
)
def test_other_files_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(FileError, match=words):
        strip(data)
