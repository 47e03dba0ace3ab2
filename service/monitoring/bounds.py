"""Upper bounds of the histograms' buckets."""

import numpy as np

TAIL_RATIO_BOUNDS: tuple[float, ...] = (
    *(0.0, 0.25, 0.5, 0.7, 0.8),
    *np.arange(0.9, 1.2, 0.002).round(3).tolist(),
    *np.arange(1.2, 2.0, 0.02).round(2).tolist(),
    *(2.0, 2.5, 3.0, 5.0, 10.0),
)
"""0.002 wide up to 1.2, so that a fleet's p99 / mean comes within 0.002 of the truth there, and within 0.02 up to 2."""

SHARE_BOUNDS: tuple[float, ...] = (0.001, 0.002, 0.005, 0.01, 0.02, *np.arange(0.05, 1.0001, 0.05).round(2).tolist())
"""For what lives in [0, 1]; finer at the low end, where decisions are taken."""

SECONDS_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

BAND_EDGES = (0.5, 0.6, 0.7, 0.8, 0.9)
BANDS = ("0.0-0.5", "0.5-0.6", "0.6-0.7", "0.7-0.8", "0.8-0.9", "0.9-1.0")
"""Of reliability, each with its lower edge, for what is compared with the truth."""

ROWS_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
