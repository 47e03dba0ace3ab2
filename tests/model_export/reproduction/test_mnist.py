"""The experiment on the volatility of gradients, with made-up images."""

import json

import numpy as np
import pytest

from model_export.chainzrule import ChainzRuleNetwork
from model_export.reproduction import mnist
from model_export.reproduction.mnist import MNIST_VOLATILITY, SMALL, WIDE, WIDE_SUFFIX, Extent, evaluate
from model_export.tasks.image_set import ImageSet
from model_export.training.images import Images

TINY = Extent(seeds=1, epochs=20, tuning_epochs=1, seconds=1)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    """Grey noise with a bright band, whose height is the class; 3 batches an epoch."""

    def made_up(count: int) -> Images:
        labels = np.arange(count) % 10
        pixels = np.random.default_rng(count).integers(0, 60, (count, 28, 28, 1), dtype=np.uint8)
        for image, label in zip(pixels, labels, strict=True):
            image[2 * label : 2 * label + 4] += 150
        return Images(pixels, labels)

    return ImageSet(made_up(400), made_up(40), "400 and 40")


def test_small_networks_are_compared_with_a_wide_twin(images: ImageSet) -> None:
    small, wide = (evaluate(images, "tanh", width, 3, TINY) for width in (SMALL, WIDE))
    peaks = {
        record.contender: record
        for record in (*small.records, *wide.records)
        if record.metric == "peak gradient volatility"
    }
    assert set(peaks) == {"tanh", "tanh + DREG", f"tanh{WIDE_SUFFIX}"}
    assert all(record.value > 0 and record.seed == 3 for record in peaks.values())
    assert peaks[f"tanh{WIDE_SUFFIX}"].parameters > 15 * peaks["tanh"].parameters
    accuracies = [record.value for record in (*small.records, *wide.records) if record.metric == "accuracy"]
    assert min(accuracies) > 0.8
    notes = json.loads(json.dumps(wide.notes))
    assert notes["data"] == "400 and 40"
    assert notes["chosen"]["tanh"]["steps"] == 60


def test_polynomials_are_trained_with_and_without_dreg(images: ImageSet) -> None:
    outcome = evaluate(images, "polynomial", SMALL, 0, TINY)
    assert {record.contender for record in outcome.records} == {"ChainzRule", "polynomial"}


def test_the_wide_twin_is_as_wide_as_it_says() -> None:
    own, wide = (
        sum(parameter.numel() for parameter in network.parameters())
        for network in (
            ChainzRuleNetwork((784, SMALL, 10)),
            ChainzRuleNetwork((784, WIDE, 10), "relu"),
        )
    )
    assert (own, wide) == (25_578, 395_920)
    assert wide / own == pytest.approx(15.5, abs=0.05)


def test_units_are_seed_by_seed_and_a_truncated_run_has_all_contenders(
    images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = MNIST_VOLATILITY.units(False)
    assert len({unit.name for unit in units}) == len(units) == 9 * mnist.FULL.seeds
    first = [unit.settings for unit in units[:9]]
    assert {settings["seed"] for settings in first} == {0}
    assert [settings["activation"] for settings in first if settings["width"] == SMALL] == [
        *("polynomial", "relu", "gelu", "silu", "tanh")
    ]
    assert ("polynomial", WIDE) not in {(settings["activation"], settings["width"]) for settings in first}
    json.dumps(first)
    monkeypatch.setattr(mnist, "load", lambda: images)
    given = []
    monkeypatch.setattr(mnist, "evaluate", lambda *arguments: given.append(arguments))
    units[11].run()
    assert given == [(images, "relu", WIDE, 1, mnist.FULL)]
