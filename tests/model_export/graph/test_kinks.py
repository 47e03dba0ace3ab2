"""Networks whose derivative jumps: what rounding may change, and that they are exported nevertheless."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model_export.chainzrule import ChainzRuleNetwork
from model_export.conversion import convert
from model_export.errors import VerificationError
from model_export.export import Data, Labelled, export
from model_export.graph.calibration import calibrate_network
from model_export.graph.compact import compact
from model_export.graph.kinks import changes_at_kinks, has_kinks
from model_export.graph.onnx_writer import write_graph
from model_export.graph.publication import ModelCard
from model_export.graph.scorer import Scorer
from model_export.graph.verification import check_parity
from model_export.tasks.image_task import describe_images
from model_export.training.standardiser import PixelStandardiser, Standardiser
from service.inference.model import Model
from service.manifest import Training, outputs_of
from service.version_folder import read_manifest
from tests.model_export.gratings import gratings


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    torch.manual_seed(0)
    rows = np.random.default_rng(0).normal(size=(400, 3))
    network = ChainzRuleNetwork((3, 8, 6, 2), "relu")
    codes = (rows[:, 0] > 0).astype(np.int64)
    return calibrate_network(Standardiser.fit(rows), network, rows, rows, codes, 2).scorer


def test_only_a_row_at_a_kink_may_change(scorer: Scorer) -> None:
    layer = scorer.network.layers[0].linear
    assert isinstance(layer, nn.Linear)
    rows = torch.randn(50, 3, dtype=torch.float64)
    # The first row goes onto the first neuron's kink.
    standard = scorer.standardiser(rows)
    weight, bias = layer.weight[0], layer.bias[0]
    standard[0] -= (standard[0] @ weight + bias) / (weight @ weight) * weight
    mean, deviation = scorer.standardiser.mean, scorer.standardiser.deviation
    changes = changes_at_kinks(scorer, standard * deviation + mean, 1e-6)
    assert changes.jacobian_norm.shape == (50,)
    assert changes.sensitivity[0] > 1e-2
    assert np.median(changes.sensitivity) < 1e-5
    assert changes.probabilities.max() < 1e-4


def test_cubics_have_no_kinks_and_relu_and_maxima_have() -> None:
    assert not has_kinks(ChainzRuleNetwork((2, 3, 2)))
    assert not has_kinks(ChainzRuleNetwork((2, 3, 2), "gelu"))
    assert has_kinks(ChainzRuleNetwork((2, 3, 2), "relu"))
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2))
    assert has_kinks(convert(module, torch.randn(2, 1, 6, 6), keep_activations=True).network)


def test_a_wrong_derivative_is_still_found(scorer: Scorer) -> None:
    rows = np.random.default_rng(1).normal(size=(300, 3)).astype(np.float32)
    check_parity(scorer, write_graph(compact(scorer), "features"), rows)
    wrong = compact(scorer)
    wrong.standardiser.gradient = lambda gradient: 1.001 * gradient  # type: ignore[method-assign]
    with pytest.raises(VerificationError, match="sensitivity differs"):
        check_parity(scorer, write_graph(wrong, "features"), rows)


def test_a_network_that_keeps_its_activations_is_exported_with_the_same_outputs(tmp_path: Path) -> None:
    parts = [gratings(400, seed=seed, channels=1) for seed in range(3)]
    data = Data(*(Labelled(part.pixels, part.labels) for part in parts))
    standardiser = PixelStandardiser.fit(data.training.rows)
    rows = standardiser(torch.from_numpy(data.training.rows)).float()
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.SiLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, stride=2, padding=1),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )
    optimiser = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(module(rows), torch.from_numpy(data.training.codes)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    folder = export(
        convert(module.eval(), rows, keep_activations=True).network,
        standardiser,
        data,
        repository=tmp_path,
        version=1,
        card=ModelCard(name="gratings", description="Upright or level", data="made up"),
        classes=("upright", "level"),
        inputs=describe_images(standardiser, "refuse"),
        activation="silu, gelu",
        training=Training(data="made up", rows=400, validation_rows=0, seed=0, dreg="none", epochs=30),
    )
    scores = Model.load(folder, threads=1).score(data.test.rows)
    assert (scores["label"] == data.test.codes).mean() > 0.8
    assert set(scores) == {output.name for output in outputs_of(read_manifest(folder))}
