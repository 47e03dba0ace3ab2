"""Made-up images that a small network tells apart at once."""

import numpy as np

from model_export.training.images import Images


def gratings(count: int, seed: int, size: int = 8, channels: int = 3) -> Images:
    """Stripes with noise, upright (class 0) or level (class 1), at any phase; channels differ in brightness."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, count)
    waves = np.sin(np.arange(size) * np.pi / 2 + generator.uniform(0, 2 * np.pi, (count, 1)))
    upright = np.broadcast_to(waves[:, None, :], (count, size, size))
    stripes = np.where(labels[:, None, None] == 0, upright, upright.transpose(0, 2, 1))
    light = 50 * stripes[..., None] + 100 + 20 * np.arange(channels)
    noisy = light + generator.normal(0, 25, (count, size, size, channels))
    return Images(np.clip(noisy, 0, 255).astype(np.uint8), labels.astype(np.int64))
