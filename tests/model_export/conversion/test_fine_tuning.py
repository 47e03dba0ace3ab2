from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from model_export.chainzrule import Network, dreg_penalty
from model_export.conversion import ConversionReport, convert, fine_tune
from model_export.errors import DataError
from model_export.export import Labelled
from model_export.training.augmentation import Augmentation
from model_export.training.schedule import Schedule
from model_export.training.standardiser import InputStandardiser, PixelStandardiser, Standardiser
from tests.model_export.conversion.ordinary import ResidualNetwork
from tests.model_export.gratings import gratings


def rings(count: int, seed: int) -> Labelled:
    """Two classes, one around the other."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count, 3))
    return Labelled(rows.astype(np.float32), (np.linalg.norm(rows, axis=1) > 1.5).astype(np.int64))


def trained() -> tuple[nn.Module, Standardiser]:
    torch.manual_seed(0)
    training = rings(600, 0)
    standardiser = Standardiser.fit(training.rows.astype(np.float64)).float()
    module = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
    rows, codes = standardiser(torch.from_numpy(training.rows)), torch.from_numpy(training.codes)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        nn.functional.cross_entropy(module(rows), codes).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return module, standardiser


def penalty(network: Network, standardiser: InputStandardiser) -> float:
    rows = standardiser(torch.from_numpy(rings(500, 9).rows))
    return dreg_penalty(network, network.trace(rows).records).item()


def test_fine_tuning_wins_back_what_conversion_cost_and_the_report_says_so() -> None:
    module, standardiser = trained()
    training, test = rings(600, 0), rings(2000, 1)
    conversion = convert(module, standardiser(torch.from_numpy(training.rows)))
    before = {name: value.clone() for name, value in conversion.network.state_dict().items()}
    tuned = fine_tune(conversion.network, standardiser, training, epochs=15, learning_rate=5e-3, dreg=Schedule(1e-3))
    for name, value in conversion.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert 0 < tuned.best <= tuned.epochs == 15
    assert (tuned.training_rows, tuned.validation_rows) == (540, 60)
    assert not tuned.network.training

    module.train()
    report = ConversionReport.measure(module, conversion.network, tuned.network, standardiser, test)
    assert module.training
    names = ["before conversion", "after conversion", "after fine-tuning"]
    assert list(report.accuracy) == list(report.agreement) == names
    assert report.accuracy[names[0]] > 0.93
    assert report.accuracy[names[2]] > report.accuracy[names[0]] - 0.02
    assert report.agreement[names[0]] == 1
    labels = module(standardiser(torch.from_numpy(test.rows))).argmax(1).numpy()
    assert report.accuracy[names[0]] == pytest.approx((labels == test.codes).mean())
    lines = str(report).splitlines()
    assert lines[0].split() == ["on", "2,000", "test", "rows", "accuracy", "change", "same", "label"]
    for line, name in zip(lines[1:], names, strict=True):
        assert line.startswith(name)
        assert f"{report.accuracy[name]:.4f}" in line


def test_dreg_holds_the_jacobians_down() -> None:
    module, standardiser = trained()
    training = rings(600, 0)
    network = convert(module, standardiser(torch.from_numpy(training.rows))).network
    norms = [
        penalty(fine_tune(network, standardiser, training, epochs=10, dreg=Schedule(weight)).network, standardiser)
        for weight in (0.0, 3e-3, 3e-2)
    ]
    assert all(less < more for more, less in pairwise(norms))


def test_the_same_seed_gives_the_same_network_and_another_another() -> None:
    module, standardiser = trained()
    training = rings(300, 0)
    network = convert(module, standardiser(torch.from_numpy(training.rows))).network
    first, again, other = (
        fine_tune(network, standardiser, training, epochs=2, learning_rate=1e-2, seed=seed).network.head.weight
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_start_is_kept_where_nothing_is_better() -> None:
    module, standardiser = trained()
    training = rings(300, 0)
    network = convert(module, standardiser(torch.from_numpy(training.rows))).network
    tuned = fine_tune(network, standardiser, training, epochs=2, learning_rate=0.3, dreg=Schedule(100.0))
    assert tuned.best == 0
    for name, value in tuned.network.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name


def test_images_are_augmented_and_learnt() -> None:
    images = gratings(300, seed=0, channels=1)
    standardiser = PixelStandardiser.fit(images.pixels).float()
    torch.manual_seed(0)
    module = ResidualNetwork(channels=1)
    network = convert(module, standardiser(torch.from_numpy(images.pixels))).network
    training = Labelled(images.pixels, images.labels)
    tuned = fine_tune(
        network,
        standardiser,
        training,
        epochs=6,
        learning_rate=1e-2,
        augmentation=Augmentation(1, False),
        batch_size=32,
    )
    test = gratings(300, seed=1, channels=1)
    found = tuned.network(standardiser(torch.from_numpy(test.pixels))).argmax(1).numpy()
    assert (found == test.labels).mean() > 0.9


def test_rows_that_cannot_be_parted_are_refused() -> None:
    module, standardiser = trained()
    network = convert(module, torch.randn(100, 3)).network
    lone = Labelled(np.zeros((3, 3), np.float32), np.array([0, 0, 1]))
    with pytest.raises(DataError, match="no 10 % of the 3 rows can be held out"):
        fine_tune(network, standardiser, lone)


def test_training_that_diverges_is_refused() -> None:
    module, standardiser = trained()
    training = rings(300, 0)
    network = convert(module, standardiser(torch.from_numpy(training.rows))).network
    with pytest.raises(DataError, match="diverged in epoch 1"):
        fine_tune(network, standardiser, training, epochs=1, learning_rate=1e30)
