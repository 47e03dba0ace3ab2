"""What models of every kind are worth and cost: accuracy and τ on test rows as their manifests have them, all signals
beside the plain prediction, and rows a second through the service.

    python -m tests.benchmarks.kinds --repository DIR

The plain graph is the model's own, cut down to `label` and `probabilities`; both run in onnxruntime on one thread, in
alternating rounds, on copies of the manifest's example (tables, texts) or on noise around the mean pixel (images). The
service runs with one thread on one core, and the client, with four connections of 32 rows a request, on another.
"""

import asyncio
import os
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import orjson
from onnx.utils import Extractor

from service.inference.feeds import Feed, Rows, make_feed
from service.inputs import ImageInput
from service.manifest import MODEL_FILE, Manifest
from service.protocol.examples import example_instances
from service.version_folder import read_manifest
from tests.benchmarks.graph_cost import ROUNDS, compare, session
from tests.benchmarks.load import closed_loop, request
from tests.service.process import running

ROWS_A_REQUEST, CONNECTIONS, SECONDS = 32, 4, 8.0
PLAIN = ["label", "probabilities"]


class Cost(NamedTuple):
    """Microseconds of the plain graph and of the whole one on so many rows."""

    rows: int
    plain: float
    whole: float


def usual_rows(manifest: Manifest, feed: Feed, count: int) -> Rows:
    """Return rows that the model may meet."""
    if isinstance(manifest.input, ImageInput):
        means = np.array([channel.mean for channel in manifest.input.channels])
        noise = np.random.default_rng(0).normal(0, 40, (count, *manifest.input.gradient_shape))
        return (means + noise).clip(0, 255).astype(np.uint8)
    return np.repeat(feed.examples[0][:1], count, axis=0)


def graph_costs(folder: Path) -> list[Cost]:
    """Return what the signals cost at one row and at 64."""
    manifest = read_manifest(folder)
    feed = make_feed(folder, manifest)
    model = onnx.load(folder / MODEL_FILE)
    inputs, outputs = ([value.name for value in values] for values in (model.graph.input, model.graph.output))
    plain = session(Extractor(model).extract_model(inputs, PLAIN).SerializeToString())
    whole = session(model.SerializeToString())
    costs = []
    for count in (1, 64):
        rows = usual_rows(manifest, feed, count)
        calls = {"plain": partial(feed.run, plain, PLAIN, rows), "whole": partial(feed.run, whole, outputs, rows)}
        once = perf_counter()
        calls["whole"]()
        repeat = max(int(0.02 / (perf_counter() - once)), 1)
        costs.append(Cost(count, **compare(calls, repeat)))
    return costs


def rows_a_second(url: str, manifest: Manifest) -> float:
    """Return the rows that the service answers in a second, the whole reliability of each included."""
    (instance,) = example_instances(manifest)["instances"]
    body = orjson.dumps({"instances": [instance] * ROWS_A_REQUEST})
    asked = request(url, f"/v1/models/{manifest.name}:predict", body)
    first = asyncio.run(closed_loop(url, asked, CONNECTIONS, 2 * CONNECTIONS))
    requests = max(round(SECONDS * 2 * CONNECTIONS / first.elapsed), 2 * CONNECTIONS)
    outcome = asyncio.run(closed_loop(url, asked, CONNECTIONS, requests))
    if set(outcome.statuses) != {200}:
        raise RuntimeError(f"{manifest.name} answered with {dict(outcome.statuses)}")
    return outcome.statuses[200] * ROWS_A_REQUEST / outcome.elapsed


def newest(repository: Path) -> list[Path]:
    """Return the newest version's folder of each model."""
    models = sorted(folder for folder in repository.iterdir() if folder.is_dir())
    return [max((v for v in model.iterdir() if v.name.isdecimal()), key=lambda v: int(v.name)) for model in models]


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--repository", type=Path, default=Path("deploy/models"))
    repository: Path = parser.parse_args().repository
    cores = sorted(os.sched_getaffinity(0))
    print(f"onnxruntime {onnxruntime.__version__}, one thread, median of {ROUNDS} alternating rounds")
    print(f"{'model':18}{'rows tested':>12}{'accuracy':>10}{'τ':>8}", end="")
    print(f"{'one row, µs':>14}{'signals':>10}{'64 rows, µs':>14}{'signals':>10}{'rows/s served':>16}")
    with running(repository, "--threads", "1", "--deadline-seconds", "60") as service:
        os.sched_setaffinity(service.process.pid, {cores[0]})
        os.sched_setaffinity(0, {cores[-1]})
        for folder in newest(repository):
            manifest = read_manifest(folder)
            one, many = graph_costs(folder)
            served = rows_a_second(service.url, manifest)
            tested = manifest.evaluation
            print(
                f"{manifest.name:18}{tested.rows:>12}{tested.accuracy:>10.3f}{tested.tail_ratio:>8.2f}"
                f"{one.plain:>14.0f}{one.whole / one.plain:>8.2f} ×{many.plain:>14.0f}"
                f"{many.whole / many.plain:>8.2f} ×{served:>16.0f}"
            )


if __name__ == "__main__":
    main()
