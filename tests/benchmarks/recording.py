"""What counting a batch costs: every metric of its rows, by features and rows.

A twentieth of the values is missing, a twentieth outside the training range. Fastest of alternating rounds.

    python -m tests.benchmarks.recording
"""

from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from service.manifest import Feature, Manifest
from service.monitoring.metrics import Metrics
from service.monitoring.model_metrics import ModelMetrics
from service.version_folder import read_manifest

ROUNDS, BATCHES = 15, 200
FEATURES, ROWS = (8, 30, 100, 101), (1, 32, 1000, 10_000)


def manifest_of(features: int) -> Manifest:
    """Return the bundled model's manifest with so many standard normal features."""
    manifest = read_manifest(Path("deploy/models/pima/1"))
    normal = [
        Feature(
            name=f"feature {index}",
            minimum=-1.96,
            maximum=1.96,
            mean=0,
            standard_deviation=1,
            may_be_missing=True,
            missing_ratio=0.05,
            example=0,
        )
        for index in range(features)
    ]
    return manifest.model_copy(update={"input": manifest.input.model_copy(update={"features": tuple(normal)})})


def seconds_a_batch(recorder: ModelMetrics, rows: NDArray[np.float32], generator: np.random.Generator) -> float:
    """Return the mean time of a round's batches."""
    count = len(rows)
    scores = {
        "reliability": generator.beta(8, 2, count).astype(np.float32),
        "typicality": generator.random(count, dtype=np.float32),
        "tail_ratio": generator.normal(1, 0.1, count).astype(np.float32),
    }
    started = perf_counter()
    for _ in range(BATCHES):
        recorder.record(rows, scores)
    return (perf_counter() - started) / BATCHES


def main() -> None:
    generator = np.random.default_rng(0)
    print(f"{'features':>8}{'rows':>8}{'µs a batch':>12}")
    for features in FEATURES:
        recorder = ModelMetrics(Metrics(), manifest_of(features))
        for count in ROWS:
            rows = generator.normal(size=(count, features)).astype(np.float32)
            rows[generator.random(rows.shape) < 0.05] = np.nan
            best = min(seconds_a_batch(recorder, rows, generator) for _ in range(ROUNDS))
            print(f"{features:>8}{count:>8}{1e6 * best:>12.1f}")


if __name__ == "__main__":
    main()
