"""The corruptions of CIFAR-10-C, on made-up images."""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from model_export.errors import DataNotFoundError
from model_export.reproduction.corruptions import CORRUPTIONS, SEVERITIES, at_hand, corrupt, corruptions_of, weather
from model_export.reproduction.corruptions.blur import disc
from model_export.reproduction.corruptions.pixels import Bytes, mirror, reflect, smear, zoom_matrix


@pytest.fixture(autouse=True)
def _photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frost that needs no package: bright, with a grain."""
    grain = np.random.default_rng(1).integers(150, 256, (5, 50, 60, 3), dtype=np.uint8)
    monkeypatch.setattr(weather, "frost_photographs", lambda: tuple(grain))
    monkeypatch.setattr("model_export.reproduction.corruptions.frost_photographs", lambda: tuple(grain))


@pytest.fixture(scope="module")
def images() -> Bytes:
    """Soft, coloured blobs, with values from 20 to 200."""
    fields = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(24, 32, 32, 3)), (0, 2, 2, 0))
    low, high = fields.min((1, 2, 3), keepdims=True), fields.max((1, 2, 3), keepdims=True)
    blobs: Bytes = (20 + 180 * (fields - low) / (high - low)).astype(np.uint8)
    return blobs


def error(images: Bytes, corrupted: Bytes) -> float:
    return float(((images.astype(float) - corrupted) ** 2).mean())


def test_there_are_fifteen() -> None:
    assert len(CORRUPTIONS) == len(at_hand()) == 15


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_stay_images_and_the_same_seed_gives_the_same_bytes(name: str, images: Bytes) -> None:
    before = images.copy()
    corrupted = [corrupt(images, name, 3, seed) for seed in (4, 4, 5)]
    assert corrupted[0].shape == images.shape
    assert corrupted[0].dtype == np.uint8
    np.testing.assert_array_equal(corrupted[0], corrupted[1])
    drawn = not np.array_equal(corrupted[0], corrupted[2])
    exact = {"defocus blur", "zoom blur", "brightness", "contrast", "pixelate", "jpeg compression"}
    assert drawn == (name not in exact)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_does_more_damage(name: str, images: Bytes) -> None:
    errors = [error(images, corrupt(images, name, severity, 0)) for severity in SEVERITIES]
    assert min(errors) > 0
    if name == "glass blur":
        assert max(errors[:3]) < min(errors[3:])  # pixels moved once, and twice
    elif name == "elastic transform":
        assert errors[0] > errors[-1]  # as published, the affine part shrinks while what is local grows
    elif name in {"frost", "motion blur"}:
        assert errors[0] < errors[1] < errors[2]  # then constants trade one thing for another
        assert errors[0] < min(errors[3:])
    else:
        assert errors == sorted(errors)


def test_all_are_made_one_after_another(images: Bytes) -> None:
    made = list(corruptions_of(images[:2], 0))
    assert len({(one.corruption, one.severity) for one in made}) == len(made) == 75
    np.testing.assert_array_equal(made[-1].images, corrupt(images[:2], "jpeg compression", 5, 0))


def test_noise_has_the_published_strength() -> None:
    grey = np.full((40, 32, 32, 3), 128, dtype=np.uint8)
    noisy = corrupt(grey, "gaussian noise", 2, 0).astype(float)
    assert noisy.std() / 255 == pytest.approx(0.06, rel=0.02)
    counted = corrupt(grey, "shot noise", 3, 0).astype(float)
    assert counted.var() / 255**2 == pytest.approx(128 / 255 / 100, rel=0.05)
    struck = corrupt(grey, "impulse noise", 5, 0)
    assert (struck == 0).mean() == pytest.approx(0.035, rel=0.1)
    assert (struck == 255).mean() == pytest.approx(0.035, rel=0.1)


def test_brightness_raises_the_value_and_keeps_hue_and_saturation(images: Bytes) -> None:
    before, after = (
        np.stack([np.asarray(Image.fromarray(image).convert("HSV")) for image in some]).astype(int)
        for some in (images, corrupt(images, "brightness", 4, 0))
    )
    np.testing.assert_allclose(after[..., 2], np.minimum(before[..., 2] + 0.2 * 255, 255), atol=1)
    np.testing.assert_allclose(after[..., 1], before[..., 1], atol=3)
    turned = np.abs(after[..., 0] - before[..., 0])
    coloured = before[..., 1] > 60
    assert np.minimum(turned, 256 - turned)[coloured].max() <= 3
    black = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    assert (corrupt(black, "brightness", 5, 0) == 76).all()


def test_contrast_keeps_the_mean_and_shrinks_what_differs_from_it(images: Bytes) -> None:
    faded = corrupt(images, "contrast", 2, 0).astype(float)
    mean = images.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(faded, mean + 0.5 * (images - mean), atol=1)


def test_coarse_pixels_are_means_of_what_they_cover(images: Bytes) -> None:
    lines = corrupt(images[:1], "pixelate", 5, 0)[0].reshape(32, -1)
    assert len(np.unique(lines, axis=0)) == 20  # int(0.65 · 32)
    chequered = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    chequered[:, ::2, 1::2] = chequered[:, 1::2, ::2] = 200
    coarse = corrupt(chequered, "pixelate", 5, 0)
    assert coarse.mean() == pytest.approx(100, abs=2)


@pytest.mark.parametrize("name", ["defocus blur", "glass blur", "motion blur", "zoom blur", "elastic transform"])
def test_blurs_leave_a_plain_image_plain(name: str) -> None:
    plain = np.full((3, 32, 32, 3), 77, dtype=np.uint8)
    for severity in SEVERITIES:
        np.testing.assert_array_equal(corrupt(plain, name, severity, 0), plain)


def test_a_disc_is_centred_and_sums_to_one() -> None:
    wide = disc(1.5, 0.1)
    assert wide.sum() == pytest.approx(1)
    np.testing.assert_allclose(wide[1:4, 1:4], 1 / 9, rtol=1e-4)
    assert disc(0.5, 0.6)[2, 2] > 2 * disc(0.5, 0.6)[2, 1]


def test_glass_moves_pixels_by_a_step_at_most() -> None:
    ramp = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    ramp[:] = 4 * np.arange(32)[:, None, None]
    moved = corrupt(ramp, "glass blur", 1, 0)[0, :, :, 0].astype(int) // 4
    fall = np.arange(32)[:, None] - moved
    assert set(np.unique(fall)) == {0, 1}
    assert fall[2:, 2:].mean() == pytest.approx(0.5, abs=0.06)
    assert (fall[:2] == 0).all()


def test_a_smear_is_one_sided_and_follows_its_angle() -> None:
    points = np.zeros((2, 32, 32, 1), dtype=np.float32)
    points[:, 16, 16] = 100
    across, down = smear(points, 3, 2.0, np.array([0.0, 90.0]))[..., 0]
    weights = np.exp(-(np.arange(4) ** 2) / 8)
    weights /= np.exp(-(np.arange(7) ** 2) / 8).sum()
    np.testing.assert_allclose(across[16, 13:17], 100 * weights[::-1], rtol=1e-5)
    np.testing.assert_allclose(down[13:17, 16], 100 * weights[::-1], rtol=1e-5)
    assert across.sum() == pytest.approx(100)
    assert across[16, 17:].sum() == 0


def test_zooming_agrees_with_scipy() -> None:
    image = np.random.default_rng(0).random((32, 32))
    np.testing.assert_allclose(zoom_matrix(1.0), np.eye(32), atol=1e-6)
    kept = image[3:29, 3:29]  # 26 = ⌈32 / 1.25⌉, which become 32.5, rounded to 32
    magnify = zoom_matrix(1.25)
    np.testing.assert_allclose(magnify @ image @ magnify.T, ndimage.zoom(kept, 32 / 26, order=1), atol=1e-5)


def test_indices_beyond_the_edge_come_back() -> None:
    places = np.array([-2, -1, 0, 31, 32, 33])
    assert mirror(places).tolist() == [2, 1, 0, 31, 30, 29]
    assert reflect(places).tolist() == [1, 0, 0, 31, 31, 30]


def test_fog_keeps_the_brightest_value_within_reach(images: Bytes) -> None:
    skies = weather.clouds(20, 2.0, np.random.default_rng(0))
    assert skies.min((1, 2)).tolist() == [0] * 20
    assert skies.max((1, 2)).tolist() == [1] * 20
    neighbours = np.abs(np.diff(skies, axis=1)).mean()
    assert neighbours < 0.5 * np.abs(skies - skies[:, ::-1]).mean()  # clouds, not noise
    assert (corrupt(images, "fog", 5, 0).max((1, 2, 3)) <= images.max((1, 2, 3))).all()


def test_frost_lays_pieces_of_photographs_over_images(images: Bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weather, "frost_photographs", lambda: (np.full((40, 50, 3), 100, dtype=np.uint8),))
    np.testing.assert_allclose(corrupt(images, "frost", 3, 0), 0.9 * images + 40, atol=1)


def test_without_photographs_there_is_no_frost(images: Bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weather, "frost_photographs", lambda: ())
    monkeypatch.setattr("model_export.reproduction.corruptions.frost_photographs", lambda: ())
    assert "frost" not in at_hand()
    assert len(at_hand()) == 14
    with pytest.raises(DataNotFoundError, match="imagecorruptions"):
        corrupt(images, "frost", 1, 0)


def test_an_uninstalled_package_has_no_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.undo()
    monkeypatch.setattr(weather, "files", missing)
    assert weather.frost_photographs.__wrapped__() == ()


def test_other_images_and_severities_are_refused(images: Bytes) -> None:
    with pytest.raises(ValueError, match="float64"):
        corrupt(images / 255, "contrast", 1, 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 to 5"):
        corrupt(images, "contrast", 0, 0)
