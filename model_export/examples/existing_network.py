"""An ordinary convolutional network, converted, fine-tuned, exported and asked.

    python -m model_export.examples.existing_network models

Images are made up, so that nothing has to be fetched: one of four shapes at a random place, with noise.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from model_export.conversion import ConversionReport, convert, fine_tune
from model_export.export import Data, Labelled, export
from model_export.graph.publication import ModelCard
from model_export.graph.version_folder import next_version
from model_export.tasks.image_task import describe_images
from model_export.training.schedule import Schedule
from model_export.training.standardiser import PixelStandardiser
from service.inference.model import Model
from service.manifest import Training

SHAPES = ("square", "cross", "ring", "stripe")
SIZE = 16

CARD = ModelCard(name="shapes", description="Shape in a made-up grey image", data="generated")
DREG = Schedule(1e-5)


class Block(nn.Module):
    """Two convolutions and a way around them, as in ResNet (He et al., 2016)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after))
        self.second = nn.Sequential(nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))
        self.around = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's value."""
        value: Tensor = self.relu(self.second(self.relu(self.first(x))) + self.around(x))
        return value


def make_network() -> nn.Module:
    """Return the network as it might have been written years ago."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        Block(8, 16, stride=1),
        Block(16, 16, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(16, len(SHAPES)),
    )


def make_images(count: int, seed: int) -> Labelled:
    """Return images uint8 [count, 16, 16, 1] and the index of the shape in each."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(len(SHAPES), size=count)
    # How far each pixel is from the shape's middle, in units of the shape's own size.
    middle, radius = generator.uniform(5, 10, (2, count, 1, 1)), generator.uniform(3, 5, (count, 1, 1))
    down = (np.arange(SIZE)[:, None] - middle[0]) / radius
    across = (np.arange(SIZE)[None, :] - middle[1]) / radius
    furthest, distance = np.maximum(np.abs(down), np.abs(across)), np.hypot(down, across)
    within = furthest < 1
    drawn = np.stack(
        [
            within,
            within & (np.minimum(np.abs(down), np.abs(across)) < 0.3),
            np.abs(distance - 0.8) < 0.25,
            within & (np.abs(down) < 0.3),
        ]
    )[codes, np.arange(count)]
    light = generator.uniform(60, 160, (count, 1, 1)) * drawn + generator.normal(60, 30, drawn.shape)
    pixels: NDArray[np.uint8] = light.clip(0, 255).astype(np.uint8)[..., None]
    return Labelled(pixels, codes.astype(np.int64))


def train(module: nn.Module, rows: Tensor, codes: Tensor, epochs: int) -> None:
    """Train a network as one trains networks; rows are [N, 1, 16, 16]."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=3e-3)
    module.train()
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(len(rows)), 64):
            loss = cross_entropy(module(rows[batch]), codes[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    module.eval()


def main(repository: Path, rows: int = 3000, epochs: int = 6) -> Path:
    """Do all of it and return the version folder.

    Args:
        repository: where `shapes/<version>/` goes.
        rows: to train on; a third as many to calibrate by, and to test on.
        epochs: of the training and of the fine-tuning.
    """
    torch.manual_seed(0)
    data = Data(make_images(rows, 1), make_images(rows // 3, 2), make_images(rows // 3, 3))
    # What the network is trained on: bytes from 0 to 255 as about -2 to 2.
    standardiser = PixelStandardiser(torch.tensor([127.5]), torch.tensor([63.75]), (SIZE, SIZE))
    inputs = standardiser(torch.from_numpy(data.training.rows))

    network = make_network()
    train(network, inputs, torch.from_numpy(data.training.codes), epochs)

    conversion = convert(network, inputs[:500])
    tuned = fine_tune(conversion.network, standardiser, data.training, epochs=epochs, dreg=DREG)
    report = ConversionReport.measure(network, conversion.network, tuned.network, standardiser, data.test)
    print(f"{conversion}\n\n{report}\n")

    version = next_version(repository, CARD.name)
    folder = export(
        tuned.network,
        standardiser,
        data,
        repository=repository,
        version=version,
        card=CARD,
        classes=SHAPES,
        inputs=describe_images(standardiser, "refuse"),
        activation="polynomial of degree 3, fitted to relu",
        training=Training(
            data=CARD.data,
            rows=tuned.training_rows,
            validation_rows=tuned.validation_rows,
            seed=0,
            dreg=str(DREG),
            epochs=tuned.epochs,
        ),
    )

    scores = Model.load(folder, threads=1).score(data.test.rows[:1])
    label, certainty = SHAPES[scores["label"][0]], scores["probabilities"][0].max()
    print(
        f"a {SHAPES[data.test.codes[0]]} is called a {label} with probability {certainty:.3f}: reliability "
        f"{scores['reliability'][0]:.3f}, typicality {scores['typicality'][0]:.3f}, boundary at "
        f"{scores['boundary_distance'][0]:.2f} deviations"
    )
    print(f"serve it: chainzrule serve --repository {repository}")
    return folder


if __name__ == "__main__":
    main(Path(sys.argv[1]))
