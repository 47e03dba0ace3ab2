"""What the reliability costs: the exported graph beside the plain prediction graph, on one onnxruntime thread.

The peer is the same network with its cubics written naively (c0 + c1·z + c2·z² + c3·z³) and a softmax, exported by the
same exporter. Rounds alternate between the graphs; each figure is the median over rounds.

    python -m tests.benchmarks.graph_cost
"""

from copy import deepcopy
from statistics import median
from time import perf_counter
from typing import cast

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_export.chainzrule import ChainzRuleLayer, Polynomial
from model_export.graph.calibration import calibrate
from model_export.graph.onnx_writer import write_graph
from model_export.graph.scorer import Scorer
from model_export.training import ChainzRuleClassifier

ROUNDS = 30
SHAPES = {"8-64-64-2": (8, (64, 64), 2), "384-512-512-5": (384, (512, 512), 5)}


class Naive(nn.Module):
    """Prediction alone, as one would write it."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        self.standardiser, self.network = scorer.standardiser, scorer.network
        self.temperature = scorer.temperature

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.standardiser(x)
        for module in self.network.hidden:
            layer = cast("ChainzRuleLayer", module)
            z, c = layer.linear(hidden), cast("Polynomial", layer.activation).coefficients
            hidden = c[0] + c[1] * z + c[2] * z * z + c[3] * z * z * z
        logits = self.network.head(hidden)
        return logits.argmax(1), torch.softmax(logits / self.temperature, 1)


def make_scorer(features: int, hidden: tuple[int, ...], classes: int) -> Scorer:
    """A network trained briefly on made-up data, so that its cubics are neither fresh nor special."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(1200, features))
    labels = (rows[:, : classes * 2].reshape(1200, classes, 2).sum(2) + generator.normal(size=(1200, classes))).argmax(
        1
    )
    estimator = ChainzRuleClassifier(hidden, max_epochs=10, random_state=0).fit(rows[:800], labels[:800])
    return calibrate(estimator, rows[:800], rows[800:], labels[800:]).scorer


def naive_graph(scorer: Scorer, features: int) -> bytes:
    module = Naive(deepcopy(scorer)).float().eval()
    program = torch.onnx.export(
        module,
        (torch.zeros(3, features),),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
        input_names=["features"],
        opset_version=18,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    graph: bytes = program.model_proto.SerializeToString()
    return graph


def session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options)


def compare(sessions: dict[str, onnxruntime.InferenceSession], rows: NDArray[np.float32]) -> dict[str, float]:
    """Return microseconds per run by graph."""
    repeat = max(20_000 // len(rows) // rows.shape[1], 20)
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, one in sessions.items():
            started = perf_counter()
            for _ in range(repeat):
                one.run(None, {"features": rows})
            times[name].append((perf_counter() - started) / repeat * 1e6)
    return {name: median(values) for name, values in times.items()}


def main() -> None:
    print(f"onnxruntime {onnxruntime.__version__}, one thread, median of {ROUNDS} alternating rounds")
    print(f"{'network':16}{'rows':>6}{'naive µs':>12}{'with every signal':>20}")
    for name, (features, hidden, classes) in SHAPES.items():
        scorer = make_scorer(features, hidden, classes)
        sessions = {
            "naive": session(naive_graph(scorer, features)),
            "signals": session(write_graph(scorer.compact(), "features")),
        }
        for count in (1, 64):
            rows = np.random.default_rng(1).normal(size=(count, features)).astype(np.float32)
            times = compare(sessions, rows)
            print(f"{name:16}{count:>6}{times['naive']:>12.1f}{times['signals'] / times['naive']:>18.2f} ×")


if __name__ == "__main__":
    main()
