"""Bodies that a model answers as they stand, for /docs."""

from base64 import b64encode
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.inputs import ImageInput, TableInput, TextFeature, TextInput
from service.manifest import Manifest
from service.protocol.text_tensors import TEXT_TENSOR

_MOST_VALUES: Final = 10_000
"""An image of more is too long to be shown as numbers."""


def example_instances(manifest: Manifest) -> dict[str, Any]:
    """Return a predict body of one usual row."""
    match manifest.input:
        case TableInput() as table:
            return {"instances": [{feature.name: feature.example for feature in table.features}]}
        case TextInput() as text:
            return {"instances": [text.example]}
        case ImageInput() as image:
            return {"instances": [{"b64": b64encode(_example_file(image)).decode()}]}


def example_feedback(manifest: Manifest) -> dict[str, Any]:
    """Return a feedback body, for an answer's id to be put in."""
    regression = manifest.regression
    truth = {"label": manifest.classes[0]} if regression is None else {"value": regression.mean}
    return {"feedback": [{"id": "the id of an answer", "row": 0, **truth}]}


def example_tensors(manifest: Manifest) -> dict[str, Any] | None:
    """Return an infer body of one usual row, None where it would be too long to be shown."""
    match manifest.input:
        case TableInput() as table:
            row = [feature.usual for feature in table.features if not isinstance(feature, TextFeature)]
            body = _tensors(table.tensor, [1, len(row)], "FP32", row)
            if table.text is not None:
                body["inputs"] += _tensors(table.text.name, [1], "BYTES", [table.text.example])["inputs"]
            return body
        case TextInput() as text:
            return _tensors(TEXT_TENSOR, [1], "BYTES", [text.example])
        case ImageInput() as image:
            values = _example_image(image).ravel().tolist()
            shown = len(values) <= _MOST_VALUES
            return _tensors(image.tensor, [1, *image.gradient_shape], "UINT8", values) if shown else None


def _tensors(name: str, shape: list[int], datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data}]}


def _example_image(image: ImageInput) -> NDArray[np.uint8]:
    """Return an image [height, width, channels] of the mean pixel, brighter to the right and below."""
    means = np.array([channel.mean for channel in image.channels])
    down, across = np.mgrid[0 : image.height, 0 : image.width]
    slope = 32 * (down / image.height + across / image.width - 1)
    pixels: NDArray[np.float64] = means + slope[:, :, None]
    return pixels.clip(0, 255).astype(np.uint8)


def _example_file(image: ImageInput) -> bytes:
    """Return the same as a PNG file."""
    pixels = _example_image(image)
    file = BytesIO()
    Image.fromarray(pixels[:, :, 0] if image.mode == "L" else pixels).save(file, "PNG", optimize=True)
    return file.getvalue()
