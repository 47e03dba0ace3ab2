"""What the reliability costs: the exported graph beside the plain prediction graph, on one onnxruntime thread.

The peer is the same network with its cubics written naively (c0 + c1·z + c2·z² + c3·z³) and a softmax, exported by the
same exporter. Rounds alternate between the graphs; each figure is the median over rounds.

    python -m tests.benchmarks.graph_cost [--output cost.csv]

The outputs are added step by step, each step with all before it. Where a sentence encoder is installed, a row has it in
front (20 tokens, torch, one thread).
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import torch
from onnx.utils import Extractor
from torch import Tensor, nn

from model_export.chainzrule import ChainzRuleLayer, Polynomial
from model_export.errors import DataNotFoundError
from model_export.graph.calibration import calibrate
from model_export.graph.compact import compact
from model_export.graph.onnx_writer import write_graph
from model_export.graph.scorer import Scorer
from model_export.text.minilm import minilm_folder
from model_export.training import ChainzRuleClassifier
from service.manifest import JacobianKind
from tests.benchmarks.rounds import alternate

ROUNDS = 30
SHAPES = {"8-64-64-2": (8, (64, 64), 2), "384-512-512-5": (384, (512, 512), 5)}
STEPS = {
    "plain": ["label", "probabilities"],
    "+ the walk back": ["jacobian_norm", "boundary_distance", "sensitivity", "tail_ratio"],
    "+ typicality": ["typicality"],
    "+ reliability": ["reliability"],
}
TOKENS = 20


class Cost(NamedTuple):
    """A row of the table; `ratio` is to the naive plain graph on the same rows."""

    network: str
    rows: int
    outputs: str
    microseconds: float
    ratio: float


class Naive(nn.Module):
    """Prediction alone, as one would write it."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        self.standardiser, self.network = scorer.standardiser, scorer.network
        self.temperature = scorer.temperature

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits of standardised rows [N, n_0], or of one row [n_0]."""
        for module in self.network.hidden:
            layer = cast("ChainzRuleLayer", module)
            z, c = layer.linear(hidden), cast("Polynomial", layer.activation).coefficients
            hidden = c[0] + c[1] * z + c[2] * z * z + c[3] * z * z * z
        logits: Tensor = self.network.head(hidden)
        return logits

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.logits(self.standardiser(x))
        return logits.argmax(1), torch.softmax(logits / self.temperature, 1)


def make_scorer(features: int, hidden: tuple[int, ...], classes: int, jacobian: JacobianKind = "margin") -> Scorer:
    """A network trained briefly on made-up data, so that its cubics are neither fresh nor special."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(1200, features))
    labels = (rows[:, : classes * 2].reshape(1200, classes, 2).sum(2) + generator.normal(size=(1200, classes))).argmax(
        1
    )
    estimator = ChainzRuleClassifier(hidden, max_epochs=10, random_state=0).fit(rows[:800], labels[:800])
    return calibrate(estimator, rows[:800], rows[800:], labels[800:], jacobian).scorer


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


def compare(calls: Mapping[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Return microseconds per call by name."""
    timings = alternate(calls, dict.fromkeys(calls, repeat), ROUNDS)
    return {name: timing.median for name, timing in timings.items()}


def signal_costs(name: str) -> Iterator[Cost]:
    """Yield what growing sets of outputs cost on the network called `name`."""
    features, hidden, classes = SHAPES[name]
    scorer = make_scorer(features, hidden, classes)
    model = onnx.load_from_string(write_graph(compact(scorer), "features"))
    graphs = {"naive plain graph": naive_graph(scorer, features)}
    outputs: list[str] = []
    for title, added in STEPS.items():
        outputs += added
        graphs[title] = Extractor(model).extract_model(["features"], outputs).SerializeToString()
    sessions = {title: session(graph) for title, graph in graphs.items()}
    for count in (1, 64):
        rows = np.random.default_rng(1).normal(size=(count, features)).astype(np.float32)
        calls = {title: partial(one.run, None, {"features": rows}) for title, one in sessions.items()}
        times = compare(calls, max(20_000 // count // features, 20))
        for title, time in times.items():
            yield Cost(name, count, title, time, time / times["naive plain graph"])


def encoder_costs(name: str) -> Iterator[Cost]:
    """Yield what the signals cost where a sentence encoder stands in front of the network called `name`."""
    try:
        folder = minilm_folder()
    except DataNotFoundError as error:
        print(f"no sentence encoder in front: {error}")
        return
    from transformers import AutoModel

    encoder = AutoModel.from_pretrained(folder).eval()
    tokens = torch.randint(1000, 20_000, (1, TOKENS), generator=torch.Generator().manual_seed(0))
    features, hidden, classes = SHAPES[name]
    scorer = make_scorer(features, hidden, classes)
    rows = np.random.default_rng(1).normal(size=(1, features)).astype(np.float32)
    plain, signals = session(naive_graph(scorer, features)), session(write_graph(compact(scorer), "features"))
    torch.set_num_threads(1)

    def encode_and(head: onnxruntime.InferenceSession) -> None:
        with torch.no_grad():
            encoder(tokens)
        head.run(None, {"features": rows})

    times = compare({"naive plain graph": lambda: encode_and(plain), "every signal": lambda: encode_and(signals)}, 1)
    for title, time in times.items():
        yield Cost(f"MiniLM + {name}", 1, title, time, time / times["naive plain graph"])


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write the table to this CSV file too")
    output: Path | None = parser.parse_args().output
    print(f"onnxruntime {onnxruntime.__version__}, one thread, median of {ROUNDS} alternating rounds")
    print(f"{'network':24}{'rows':>5}  {'outputs':28}{'µs':>10}{'over naive':>14}")
    costs = []
    for cost in chain(*map(signal_costs, SHAPES), encoder_costs("384-512-512-5")):
        print(f"{cost.network:24}{cost.rows:>5}  {cost.outputs:28}{cost.microseconds:>10.1f}{cost.ratio:>12.2f} ×")
        costs.append(cost)
    if output is not None:
        pd.DataFrame(costs).round({"microseconds": 1, "ratio": 3}).to_csv(output, index=False)


if __name__ == "__main__":
    main()
