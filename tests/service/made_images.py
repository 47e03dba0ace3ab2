"""A small model of images, real in every part: pixels standardised, a patch-wise layer, a head, and its gradient by the
pixels, all in one graph."""

import io
import logging
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from model_export.graph.version_folder import write_version
from service.inputs import Channel, ImageInput
from service.manifest import MODEL_FILE, OUTPUTS
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
    """Two dense layers, and the margin's gradient by the standardised pixels."""

    def __init__(self, image: ImageInput, classes: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.shape = image.gradient_shape
        pixels = int(np.prod(self.shape))
        self.hidden = nn.Parameter(torch.randn(pixels, 8, generator=generator) / pixels**0.5, requires_grad=False)
        self.head = nn.Parameter(torch.randn(8, classes, generator=generator), requires_grad=False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return every output for images [N, height, width, channels]."""
        standard = ((image.float() - MEAN) / DEVIATION).flatten(1)
        hidden = torch.tanh(standard @ self.hidden)
        logits = hidden @ self.head
        best = logits.topk(2, dim=1)
        label, runner_up = best.indices[:, 0], best.indices[:, 1]
        margin = self.head.T[label] - self.head.T[runner_up]
        sensitivity = (margin * (1 - hidden**2)) @ self.hidden.T
        norm = sensitivity.norm(dim=1)
        probabilities = torch.softmax(logits, dim=1)
        return (
            label,
            probabilities,
            norm,
            norm / 3,
            (best.values[:, 0] - best.values[:, 1]) / norm.clamp(min=1e-6),
            1 / (1 + (standard**2).mean(1)),
            probabilities.amax(1),
            sensitivity.reshape(-1, *self.shape),
        )


def export_scorer(scorer: ImageScorer) -> bytes:
    """Return the graph, rows dynamic."""
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            scorer,
            (torch.zeros(3, *scorer.shape, dtype=torch.uint8),),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            input_names=["image"],
            output_names=[output.name for output in OUTPUTS],
            opset_version=18,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    graph: bytes = program.model_proto.SerializeToString()
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
