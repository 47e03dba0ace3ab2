"""A small model of images, real in every part: pixels standardised, two dense layers, and the gradient by the pixels,
all in one graph."""

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from model_export.graph.onnx_writer import to_onnx
from model_export.graph.version_folder import write_version
from service.inputs import Channel, ImageInput
from service.manifest import MODEL_FILE, OUTPUTS
from tests.service.made_head import MadeHead
from tests.service.made_texts import make_manifest

HEIGHT, WIDTH = 6, 8
MEAN, DEVIATION = 120.0, 64.0

Mode = Literal["L", "RGB"]
Resize = Literal["refuse", "stretch", "crop"]


def image_input(mode: Mode = "RGB", resize: Resize = "stretch", height: int = HEIGHT, width: int = WIDTH) -> ImageInput:
    """What a model of such images takes."""
    channels = tuple(Channel(name=name, mean=MEAN, standard_deviation=DEVIATION) for name in ImageInput.MODES[mode])
    return ImageInput(height=height, width=width, mode=mode, channels=channels, resize=resize)


class ImageScorer(nn.Module):
    """A made-up head on standardised pixels."""

    def __init__(self, image: ImageInput, classes: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.shape = image.gradient_shape
        pixels = int(np.prod(self.shape))

        def draw(*shape: int) -> Tensor:
            scale = pixels**0.5 if shape[0] == pixels else 1.0
            return torch.randn(shape, generator=generator) / scale

        self.head = MadeHead(pixels, classes, draw)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return every output for images [N, height, width, channels]."""
        *outputs, sensitivity = self.head(((image.float() - MEAN) / DEVIATION).flatten(1))
        return (*outputs, sensitivity.reshape(-1, *self.shape))


def export_scorer(scorer: ImageScorer) -> bytes:
    """Return the graph, rows dynamic."""
    black = torch.zeros(3, *scorer.shape, dtype=torch.uint8)
    graph: bytes = to_onnx(scorer, {"image": black}, ("rows",), [output.name for output in OUTPUTS]).SerializeToString()
    return graph


def write_images(repository: Path, name: str, image: ImageInput) -> Path:
    """Write version 1 of the model `name` and return its folder."""
    changed = {"name": name, "description": "What is in a made-up picture", "input": image}
    manifest = make_manifest().model_copy(update=changed)
    return write_version(repository, manifest, {MODEL_FILE: export_scorer(ImageScorer(image, len(manifest.classes)))})


def picture(
    mode: str = "RGB", width: int = WIDTH, height: int = HEIGHT, *, kind: str = "PNG", seed: int = 0, **options: Any
) -> bytes:
    """Return a file with a smooth picture in it."""
    image = smooth(width, height, seed).convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def smooth(width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> Image.Image:
    """Return a picture whose neighbouring pixels differ little, so that it survives JPEG and resizing."""
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    phases = np.random.default_rng(seed).random(3)
    waves = [127 + 120 * np.sin(3 * (down + (1 + phase) * across + phase)) for phase in phases]
    return Image.fromarray(np.stack(waves, axis=-1).astype(np.uint8))
