"""What counting a batch costs, and remembering it for feedback: every metric of its rows, by features and rows.

A twentieth of the values is missing, a twentieth outside the training range. Fastest of several rounds.

    python -m tests.benchmarks.recording
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from service.inference.model import Scores
from service.inputs import Feature
from service.manifest import Manifest
from service.monitoring.feedback import Feedback
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


def seconds_a_batch(act: Callable[[], object]) -> float:
    """Return the mean time of a round's batches, in the fastest round."""
    rounds = []
    for _ in range(ROUNDS):
        started = perf_counter()
        for _ in range(BATCHES):
            act()
        rounds.append((perf_counter() - started) / BATCHES)
    return min(rounds)


def main() -> None:
    generator = np.random.default_rng(0)
    print(f"{'features':>8}{'rows':>8}{'counting µs':>13}{'remembering µs':>16}")
    for features in FEATURES:
        metrics, manifest = Metrics(), manifest_of(features)
        recorder, feedback = ModelMetrics(metrics, manifest), Feedback(100_000, metrics)
        for count in ROWS:
            rows = generator.normal(size=(count, features)).astype(np.float32)
            rows[generator.random(rows.shape) < 0.05] = np.nan
            scores: Scores = {
                "label": generator.integers(0, 2, count),
                "reliability": generator.beta(8, 2, count).astype(np.float32),
                "typicality": generator.random(count, dtype=np.float32),
                "tail_ratio": generator.normal(1, 0.1, count).astype(np.float32),
            }
            counting = seconds_a_batch(partial(recorder.record, rows, scores))
            remembering = seconds_a_batch(partial(feedback.remember, manifest, scores))
            print(f"{features:>8}{count:>8}{1e6 * counting:>13.1f}{1e6 * remembering:>16.1f}")


if __name__ == "__main__":
    main()
