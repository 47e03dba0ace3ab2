"""Training a network on images."""

from copy import deepcopy
from dataclasses import dataclass
from math import ceil, isfinite
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from model_export.chainzrule import Network, dreg_penalty
from model_export.errors import DataError
from model_export.training.architecture import Architecture
from model_export.training.augmentation import Augmentation
from model_export.training.images import Images
from model_export.training.progress import EpochBar
from model_export.training.schedule import Schedule
from model_export.training.standardiser import PixelStandardiser

_LARGEST_GRADIENT = 1.0
"""A step's gradient is shortened to this norm."""

_EVALUATION_ROWS = 500
"""Rows that are evaluated at once."""


class TrainedOnImages(NamedTuple):
    """A network, and how it came about."""

    standardiser: PixelStandardiser
    network: Network
    """of the epoch with the lowest validation loss; float32, on the CPU, not to be trained on"""

    training_rows: int
    validation_rows: int
    epochs: int
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class ImageTraining:
    """How a network learns images; the same seed on the same machine gives the same network.

    AdamW, its rate rising and falling once over the whole training (Smith and Topin, "Super-Convergence", 2018).
    Images stay uint8 until their batch is made. A GPU is used where there is one.

    Args:
        architecture: the network.
        augmentation: what happens to the training images.
        epochs: passes over them.
        learning_rate: the highest one.
        dreg: DREG's λ over training. ‖J_l‖²_F sums over an image's places: the larger the image, the smaller λ.
        weight_decay: of the weights, not of biases, polynomials and normalisation.
        batch_size: images a step.
        validation_share: of the images, held out, stratified, to choose the epoch by.

    Raises:
        ValueError: if it cannot train by these settings.
    """

    architecture: Architecture
    augmentation: Augmentation
    epochs: int
    learning_rate: float
    dreg: Schedule
    weight_decay: float = 1e-2
    batch_size: int = 64
    validation_share: float = 0.05

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2 or not 0 < self.validation_share < 1:
            raise ValueError(
                f"give at least 1 epoch, batches of at least 2 images, and a validation share between 0 and 1: got "
                f"{self.epochs}, {self.batch_size} and {self.validation_share}"
            )

    def fit(self, images: Images, classes: int, *, seed: int, progress: bool = False) -> TrainedOnImages:
        """Return a network trained on `images` to tell `classes` classes apart.

        Args:
            images: training rows; the validation rows are taken from them.
            classes: K; every label is below it.
            seed: of the split, the start, the order of the rows and the augmentation.
            progress: draw a progress bar.

        Raises:
            DataError: if a label is not below `classes`, a class has too few images to be held out, or training
                diverges.
        """
        if images.labels.max() >= classes:
            raise DataError(
                f"the label of image {images.labels.argmax()} is {images.labels.max()}, and there are {classes} "
                "classes, counted from 0"
            )
        training, validation = images.hold_out(self.validation_share, seed)
        standardiser = PixelStandardiser.fit(training.pixels)
        height, width, channels = images.pixels.shape[1:]
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with (
            torch.random.fork_rng(devices=[]),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
            EpochBar(self.epochs, shown=progress) as bar,
        ):
            torch.manual_seed(seed)
            network = self.architecture.build((channels, height, width), classes)
            run = _Run(self, network, deepcopy(standardiser).float(), device)
            best = run.train(_Batches(training, device), _Batches(validation, device), seed, bar)
        return TrainedOnImages(
            standardiser,
            best.network.cpu().eval().requires_grad_(False),
            len(training),
            len(validation),
            self.epochs,
            best.loss,
            best.accuracy,
        )


class _Batches:
    """Images and labels on a device."""

    def __init__(self, images: Images, device: torch.device) -> None:
        self.pixels = torch.from_numpy(images.pixels).to(device)
        self.labels = torch.from_numpy(images.labels).to(device)


class _Epoch(NamedTuple):
    """A network as an epoch left it, with its validation figures."""

    network: Network
    loss: float
    accuracy: float


class _Run:
    """One training."""

    def __init__(
        self, settings: ImageTraining, network: Network, standardiser: PixelStandardiser, device: torch.device
    ) -> None:
        self.settings = settings
        self.network = network.to(device)
        self.standardiser = standardiser.to(device)

    def train(self, training: _Batches, validation: _Batches, seed: int, bar: EpochBar) -> _Epoch:
        """Return the best epoch."""
        settings = self.settings
        rows = len(training.labels)
        # A last batch of one image has no variance to normalise by: it is left out, another image each epoch.
        steps = ceil(rows / settings.batch_size) if rows % settings.batch_size != 1 else rows // settings.batch_size
        optimiser = AdamW(self._parameters(), lr=settings.learning_rate)
        rates = OneCycleLR(optimiser, settings.learning_rate, total_steps=settings.epochs * steps, pct_start=0.25)
        generator = torch.Generator().manual_seed(seed)
        best: _Epoch | None = None
        for epoch in range(settings.epochs):
            weight = settings.dreg(epoch / max(settings.epochs - 1, 1))
            order = torch.randperm(rows, generator=generator)
            self.network.train()
            for batch in torch.split(order, settings.batch_size)[:steps]:
                pixels = settings.augmentation(training.pixels[batch], generator)
                loss = self._step(pixels, training.labels[batch], optimiser, weight)
                rates.step()
                bar.advance(1 / steps)
            validated = self._evaluate(validation)
            bar.show(validated.loss)
            if not isfinite(loss):
                raise _diverged(epoch)
            if isfinite(validated.loss) and (best is None or validated.loss < best.loss):
                best = validated._replace(network=deepcopy(self.network))
        if best is None:
            raise _diverged(settings.epochs - 1)
        return best

    def _step(self, pixels: Tensor, labels: Tensor, optimiser: AdamW, weight: float) -> float:
        """Take one step; return its loss."""
        trace = self.network.trace(self.standardiser(pixels))
        loss = cross_entropy(trace.logits, labels)
        if weight:
            loss = loss + weight * dreg_penalty(self.network, trace.records)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        return loss.item()

    @torch.no_grad()
    def _evaluate(self, validation: _Batches) -> _Epoch:
        self.network.eval()
        parts = torch.split(validation.pixels, _EVALUATION_ROWS)
        logits = torch.cat([self.network(self.standardiser(part)) for part in parts])
        right = (logits.argmax(1) == validation.labels).double().mean()
        return _Epoch(self.network, cross_entropy(logits, validation.labels).item(), right.item())

    def _parameters(self) -> list[dict[str, object]]:
        """Return the parameters in two groups: what shall decay, and what shall not."""
        linear = [m.weight for m in self.network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
        known = set(map(id, linear))
        others = [p for p in self.network.parameters() if id(p) not in known]
        return [
            {"params": linear, "weight_decay": self.settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]


def _diverged(epoch: int) -> DataError:
    return DataError(f"training diverged in epoch {epoch + 1}: lower the learning rate, or raise DREG's weight")
