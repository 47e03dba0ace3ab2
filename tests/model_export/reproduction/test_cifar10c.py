"""The experiment on corrupted images, with made-up ones."""

import json

import numpy as np
import pytest
import torch

from model_export.reproduction import cifar10c, corruptions
from model_export.reproduction.cifar10c import ATTACKED, CIFAR10_C, Extent, evaluate
from model_export.reproduction.contender import NETWORKS
from model_export.reproduction.corruptions import CORRUPTIONS
from model_export.reproduction.pixel_scale import PixelScale, shares
from model_export.reproduction.records import Outcome, Record
from model_export.tasks.image_set import ImageSet
from model_export.training.images import Images

TINY = Extent(seeds=1, training=200, test=30, epochs=3, tuning_epochs=1, seconds=1)


def made_up(count: int, seed: int) -> Images:
    """Grey images with a bright band, whose height is the class."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    pixels = generator.integers(80, 120, (count, 32, 32, 3), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[3 * label : 3 * label + 4] += 100
    return Images(pixels, labels)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    images = ImageSet(made_up(300, 0), made_up(50, 1), "300 and 50")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corruptions, "CORRUPTIONS", {name: CORRUPTIONS[name] for name in ("contrast", "pixelate")})
        return evaluate(images, 0, TINY)


def of(outcome: Outcome, metric: str) -> list[Record]:
    return [record for record in outcome.records if record.metric == metric]


def test_every_contender_is_measured_alike(outcome: Outcome) -> None:
    seen = {contender.name: set[tuple[str, str]]() for contender in NETWORKS}
    for record in outcome.records:
        seen[record.contender].add((record.metric, record.condition))
        assert np.isfinite(record.value)
        assert record.seed == 0
    first, *others = seen.values()
    assert all(other == first for other in others)
    assert {("accuracy", ""), ("log loss", ""), ("tail ratio", ""), ("robust accuracy", "eps 8/255")} < first
    assert ("corruption accuracy", "contrast 5") in first
    assert len(of(outcome, "corruption accuracy")) == (2 * 5 + 1) * len(NETWORKS)


def test_the_mean_is_over_all_corruptions_and_severities(outcome: Outcome) -> None:
    own = [record for record in of(outcome, "corruption accuracy") if record.contender == "relu"]
    (mean,) = [record.value for record in own if not record.condition]
    assert mean == pytest.approx(np.mean([record.value for record in own if record.condition]))


def test_bands_are_learned_and_attacks_do_harm(outcome: Outcome) -> None:
    accuracy = np.mean([record.value for record in of(outcome, "accuracy")])
    assert accuracy > 0.5
    near, far, mean = (
        np.mean([record.value for record in of(outcome, "robust accuracy") if record.condition == condition])
        for condition in ("eps 2/255", "eps 8/255", "")
    )
    assert mean == pytest.approx((near + far) / 2)
    assert far <= near <= accuracy + 1e-6
    assert far < accuracy


def test_the_notes_say_what_was_chosen_and_on_what(outcome: Outcome) -> None:
    notes = json.loads(json.dumps(outcome.notes))
    assert set(notes["chosen"]) == {contender.name for contender in NETWORKS}
    assert notes["chosen"]["ChainzRule"]["λ"] > 0 == notes["chosen"]["polynomial"]["λ"]
    assert notes["data"] == "300 and 50"
    assert notes["measured on"] == "30 test images, 30 of them attacked"
    assert notes["corruptions"] == "2 × 5"
    assert "frost" in notes["without"]


def test_there_is_a_unit_for_each_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    full, quick = CIFAR10_C.units(False), CIFAR10_C.units(True)
    assert [unit.name for unit in full] == [f"seed-{seed}" for seed in range(10)]
    assert 0 < len(quick) < len(full)
    assert json.loads(json.dumps(full[0].settings))["attack"]["images"] == ATTACKED
    assert full[0].settings != quick[0].settings
    images = ImageSet(made_up(20, 0), made_up(20, 1), "20 and 20")
    monkeypatch.setattr(cifar10c, "load", lambda: images)
    given = []
    monkeypatch.setattr(cifar10c, "evaluate", lambda *arguments: given.append(arguments))
    quick[0].run()
    assert given == [(images, 0, cifar10c.QUICK)]


def test_rows_are_standardised_by_channel_and_as_the_attack_does() -> None:
    images = made_up(40, 0)
    images.pixels[..., 2] //= 2
    scale = PixelScale.fit(images)
    rows, _ = scale.part(images)
    channels = rows.reshape(40, 32, 32, 3)
    torch.testing.assert_close(channels.mean((0, 1, 2)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(channels.std((0, 1, 2), correction=0), torch.ones(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(rows, scale.standardise(shares(images)))
    np.testing.assert_allclose(255 * shares(images)[3].reshape(32, 32, 3), images.pixels[3], rtol=1e-6)
