"""Noise: of the sensor, of the photons, of single bits."""

import numpy as np

from model_export.reproduction.corruptions.pixels import Bytes, to_bytes


def gaussian_noise(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:
    """Add normal noise to every value."""
    deviation = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    noise = generator.standard_normal(images.shape, dtype=np.float32)
    return to_bytes(images + np.float32(255 * deviation) * noise)


def shot_noise(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:
    """Count photons: each value is Poisson's, of which white has so many."""
    photons = (500, 250, 100, 75, 50)[severity - 1]
    means = np.arange(256) * (photons / 255)
    counts = generator.poisson(means[images])
    return to_bytes(counts.astype(np.float32) * np.float32(255 / photons))


def impulse_noise(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:
    """Set a share of all values to nothing or to full, the one as likely as the other."""
    share = (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    chance = generator.random(images.shape, dtype=np.float32)
    return np.where(chance < share / 2, np.uint8(0), np.where(chance < share, np.uint8(255), images))
