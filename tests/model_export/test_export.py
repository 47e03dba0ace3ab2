"""A network that no task knows of: composed by hand, with levels on images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_export.chainzrule import (
    AveragePool,
    ChainzRuleLayer,
    ConvolutionalLayer,
    CumulativeHead,
    Flatten,
    GlobalAveragePool,
    Layer,
    Network,
    Normalised,
    Polynomial,
    Residual,
    Tangents,
    level_log_likelihoods,
)
from model_export.errors import DataError
from model_export.export import Data, Labelled, export
from model_export.graph.folder_check import check_folder
from model_export.graph.publication import ModelCard
from model_export.tasks.image_task import describe_images
from model_export.training.standardiser import PixelStandardiser
from service.manifest import Training
from service.version_folder import read_manifest

CARD = ModelCard(name="brightness", description="How bright a picture is", data="made up")
LEVELS = ("dark", "dim", "fair", "bright")


def pictures(count: int, seed: int) -> Labelled:
    """Noise around a brightness, and its level, seen through more noise."""
    generator = np.random.default_rng(seed)
    brightness = generator.uniform(60, 200, count)
    noise = generator.normal(0, 30, (count, 8, 8, 1))
    pixels: NDArray[np.uint8] = (brightness[:, None, None, None] + noise).clip(0, 255).astype(np.uint8)
    return Labelled(pixels, np.digitize(brightness + generator.normal(0, 15, count), [95, 130, 165]).astype(np.int64))


def composed() -> Network:
    def convolution(before: int, after: int) -> Layer:
        return ConvolutionalLayer(before, after, Normalised(after, Tangents(Polynomial(after))), kernel=3)

    layers = [
        convolution(1, 3),
        AveragePool(),
        Residual([convolution(3, 3), ConvolutionalLayer(3, 3, Polynomial(3, degree=2), kernel=1)]),
        Flatten((3, 4, 4)),
        ChainzRuleLayer(48, 6, Polynomial(6)),
    ]
    return Network(layers, CumulativeHead(6, len(LEVELS)))


@pytest.fixture(scope="module")
def data() -> Data:
    return Data(pictures(600, 0), pictures(300, 1), pictures(300, 2))


@pytest.fixture(scope="module")
def standardiser(data: Data) -> PixelStandardiser:
    return PixelStandardiser.fit(data.training.rows)


@pytest.fixture(scope="module")
def network(data: Data, standardiser: PixelStandardiser) -> Network:
    torch.manual_seed(0)
    network = composed()
    rows = standardiser(torch.from_numpy(data.training.rows)).float()
    codes = torch.from_numpy(data.training.codes)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        loss = -torch.gather(level_log_likelihoods(network(rows)), 1, codes[:, None]).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    return network.eval()


def write(network: Network, standardiser: PixelStandardiser, data: Data, repository: Path) -> Path:
    return export(
        network,
        standardiser,
        data,
        repository=repository,
        version=1,
        card=CARD,
        classes=LEVELS,
        inputs=describe_images(standardiser, "stretch"),
        activation="polynomials",
        training=Training(data="made up", rows=600, validation_rows=0, seed=0, dreg="none", epochs=60),
    )


def test_any_composition_of_layers_is_exported_and_passes_every_check(
    network: Network, standardiser: PixelStandardiser, data: Data, tmp_path: Path
) -> None:
    folder = write(network, standardiser, data, tmp_path)
    manifest = read_manifest(folder)
    assert manifest.task == "ordinal"
    assert manifest.network.layers == network.words
    assert manifest.evaluation.accuracy > manifest.evaluation.majority_accuracy + 0.2
    assert manifest.evaluation.mean_absolute_error is not None
    assert manifest.evaluation.mean_absolute_error < 0.5
    findings = list(check_folder(folder))
    assert all(finding.checked for finding in findings), findings


def test_a_network_without_an_activation_is_refused(
    standardiser: PixelStandardiser, data: Data, tmp_path: Path
) -> None:
    linear = Network([GlobalAveragePool(8, 8)], CumulativeHead(1, len(LEVELS)))
    with pytest.raises(DataError, match="constant Jacobian"):
        write(linear, standardiser, data, tmp_path)
    assert not list(tmp_path.rglob("manifest.json"))
