import io
import struct
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from service.errors import InvalidImageError, ServiceError, TooManyPixelsError
from service.inference.images import Picture, PixelBudget
from service.inputs import ImageInput
from tests.service.inference.test_image_files import chunk, exif, with_chunk
from tests.service.made_images import HEIGHT, WIDTH, Mode, Resize, image_input, picture, smooth

GREY, COLOUR = image_input("L", "refuse"), image_input("RGB", "refuse")


def decoded(data: bytes, image: ImageInput) -> NDArray[np.uint8]:
    pixels = Picture(data, image, 3).decode()
    assert pixels.shape == image.gradient_shape
    assert pixels.dtype == np.uint8
    return pixels


def refusal(data: bytes, image: ImageInput) -> str:
    with pytest.raises(InvalidImageError) as refused:
        Picture(data, image, 3).decode()
    assert refused.value.row == 3
    assert refused.value.message.startswith("the image of row 3 ")
    return refused.value.message


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"compress_level": 0}])
@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_png_has_the_pixels_it_was_made_of(image: ImageInput, options: dict[str, Any]) -> None:
    found = decoded(picture(image.mode, **options), image)
    assert np.array_equal(found.squeeze(), np.asarray(smooth().convert(image.mode)))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}])
@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_jpeg_of_the_model_s_size_is_decoded_as_it_is(image: ImageInput, options: dict[str, Any]) -> None:
    data = picture(image.mode, kind="JPEG", quality=95, **options)
    assert np.array_equal(decoded(data, image).squeeze(), np.asarray(Image.open(io.BytesIO(data))))


def test_a_palette_is_replaced_by_its_colours_and_its_greys_will_do_for_grey() -> None:
    colours = smooth().quantize(16)
    file = io.BytesIO()
    colours.save(file, "PNG")
    assert np.array_equal(decoded(file.getvalue(), COLOUR), np.asarray(colours.convert("RGB")))
    assert "palette of colours" in refusal(file.getvalue(), GREY)
    greys = smooth().convert("L").convert("P")
    greys.putpalette([level for level in range(256) for _ in range(3)])
    file = io.BytesIO()
    greys.save(file, "PNG")
    assert np.array_equal(decoded(file.getvalue(), GREY)[:, :, 0], np.asarray(smooth().convert("L")))


def test_a_picture_of_one_bit_is_grey() -> None:
    assert set(decoded(picture("1"), GREY).ravel()) <= {0, 255}
    assert "is grey" in refusal(picture("1"), COLOUR)


@pytest.mark.parametrize(
    ("data", "image", "words"),
    [
        (picture("L"), COLOUR, "is grey, and the model takes colour: send it in colour"),
        (picture("RGB"), GREY, "is colour, and the model takes grey: send it in grey"),
        (picture("L", kind="JPEG"), COLOUR, "is grey"),
        (picture("RGB", kind="JPEG"), GREY, "is colour"),
        (picture("RGBA"), COLOUR, "alpha channel"),
        (picture("LA"), GREY, "alpha channel"),
        (picture("RGB", transparency=(0, 0, 0)), COLOUR, "alpha channel"),
        (picture("P", transparency=0), COLOUR, "alpha channel"),
        (picture("CMYK", kind="JPEG"), COLOUR, "is CMYK, and the model takes colour"),
        (picture("I;16"), GREY, "16 bits per channel: send 8"),
        (picture("P", kind="GIF"), COLOUR, "is a GIF: send a PNG or JPEG"),
        (picture("P", kind="GIF", save_all=True, append_images=[smooth(seed=1)]), COLOUR, "is a GIF"),
        (picture("RGB", save_all=True, append_images=[smooth(seed=1)]), COLOUR, "is animated"),
        (picture("RGB", kind="WEBP"), COLOUR, "is a WebP"),
        (picture("RGB", 1, 1), COLOUR, "is 1 × 1 pixels, and the model takes 8 × 6"),
        (picture("RGB", HEIGHT, WIDTH), COLOUR, "is 6 × 8 pixels, and the model takes 8 × 6"),
        (picture("RGB")[:-20], COLOUR, "is cut short"),
        (picture("RGB", kind="JPEG")[:-20], COLOUR, "cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n", COLOUR, "is cut short"),
        (b"\xff\xd8\xff\xd9", COLOUR, "is cut short"),
        (b"hello", COLOUR, "neither PNG nor JPEG"),
        (b"", COLOUR, "is empty"),
    ],
)  # fmt: skip
def test_a_picture_that_is_not_for_the_model_is_refused_with_what_to_do(
    data: bytes, image: ImageInput, words: str
) -> None:
    assert words in refusal(data, image)


def test_sixteen_bits_of_colour_are_refused_although_pillow_would_take_them() -> None:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert "16 bits" in refusal(data, COLOUR)


def headed(width: int, height: int) -> bytes:
    """A PNG of which nothing is true but its header."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_a_header_of_20_000_by_20_000_is_known_before_anything_is_decoded() -> None:
    found = Picture(headed(20_000, 20_000), image_input(), 0)
    assert found.pixels == 400_000_000
    with pytest.raises(TooManyPixelsError, match="400000000 pixels, and 16777216 are left") as refused:
        PixelBudget(2**24).spend(found.pixels, 7)
    assert refused.value.row == 7


def test_pixels_are_counted_over_all_rows() -> None:
    budget = PixelBudget(100)
    budget.spend(60, 0)
    budget.spend(40, 1)
    with pytest.raises(TooManyPixelsError, match="1 pixels, and 0 are left of the 100"):
        budget.spend(1, 2)


def test_a_picture_without_pixels_is_refused() -> None:
    assert "cannot be decoded" in refusal(headed(WIDTH, HEIGHT), COLOUR)
    assert "no valid PNG" in refusal(headed(0, 0), COLOUR)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("resize", ["refuse", "stretch"])
def test_a_picture_is_turned_upright(kind: str, orientation: int, resize: Resize) -> None:
    # Of the same size upright, so that it passes even where nothing is resized.
    sideways = orientation > 4
    width, height = (HEIGHT, WIDTH) if sideways else (WIDTH, HEIGHT)
    data = picture("RGB", width, height, kind=kind, exif=exif(orientation))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(decoded(data, image_input("RGB", resize)), np.asarray(upright))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(1, 1), (40, 30), (30, 40), (300, 20), (7, 6)])
def test_stretched_is_what_pillow_s_antialiased_bilinear_makes_of_all(mode: Mode, size: tuple[int, int]) -> None:
    found = decoded(picture(mode, *size), image_input(mode, "stretch"))
    expected = smooth(*size).convert(mode).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    assert np.array_equal(found.squeeze(), np.asarray(expected))


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (30, 40), (300, 20), (20, 300)])
def test_cropped_keeps_the_middle_in_proportion(size: tuple[int, int]) -> None:
    found = decoded(picture("RGB", *size), image_input("RGB", "crop"))
    expected = ImageOps.fit(smooth(*size), (WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    assert np.abs(found.astype(int) - np.asarray(expected).astype(int)).max() <= 1


def test_a_large_jpeg_is_decoded_small_and_looks_the_same() -> None:
    data = picture("RGB", 800, 600, kind="JPEG", quality=95)
    found = decoded(data, image_input("RGB", "stretch"))
    expected = Image.open(io.BytesIO(data)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    assert np.abs(found.astype(int) - np.asarray(expected).astype(int)).max() <= 4


def test_only_another_size_counts_as_resized() -> None:
    image = image_input()
    assert not Picture(picture(), image, 0).resized
    assert not Picture(picture("RGB", HEIGHT, WIDTH, kind="JPEG", exif=exif(6)), image, 0).resized
    assert Picture(picture("RGB", WIDTH + 1), image, 0).resized


def test_a_text_that_would_inflate_is_never_inflated() -> None:
    bomb = with_chunk(picture(), b"iTXt", b"Comment\x00\x01\x00\x00\x00" + b"\x78\x9c" + b"\x00" * 1000)
    assert np.array_equal(decoded(bomb, COLOUR), np.asarray(smooth()))


def test_cut_files_are_not_loaded_all_the_same() -> None:
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


FILES = [
    picture("RGB"),
    picture("L"),
    picture("P"),
    picture("RGB", 40, 30, kind="JPEG"),
    picture("L", 20, 20, kind="JPEG", progressive=True),
    picture("RGB", kind="JPEG", exif=exif(6)),
    picture("RGB", save_all=True, append_images=[smooth(seed=1)]),
]


@given(
    data=st.sampled_from(FILES),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255), st.integers(0, 3)), min_size=1, max_size=6),
    resize=st.sampled_from(["refuse", "stretch", "crop"]),
    mode=st.sampled_from(["L", "RGB"]),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_done_to_a_file_it_is_pixels_or_a_refusal_without_a_warning(
    data: bytes, edits: list[tuple[float, int, int]], resize: Resize, mode: Mode
) -> None:
    changed = bytearray(data)
    for place, value, kind in edits:
        at = int(place * (len(changed) - 1))
        if kind == 0:
            changed[at] = value
        elif kind == 1:
            del changed[at : at + value]
        elif kind == 2:
            changed[at:at] = bytes(value)
        else:
            changed[at:at] = changed[:value]
        changed = changed or bytearray(b"\x00")
    image = image_input(mode, resize)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = Picture(bytes(changed), image, 0)
            PixelBudget(100_000).spend(found.pixels, 0)
            pixels = found.decode()
        except ServiceError:
            return
    assert pixels.shape == image.gradient_shape
