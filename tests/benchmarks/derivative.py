"""What the derivative costs: the exported graph beside torch autograd's Jacobian, one thread each.

    python -m tests.benchmarks.derivative [--output derivative.csv]

The graph is run by onnxruntime with every output: prediction, all that is made of the Jacobian, and typicality and
reliability on top. The peers are the same network as one would write it in torch, float32; they make the prediction,
the Jacobian of the logits by the standardised input, and of it `jacobian_norm`, `tail_ratio`, `boundary_distance` and
`sensitivity`, but neither typicality nor reliability. Their answers are compared with the graph's first. The graph is
timed cut down to these outputs too: like against like.

- jacrev + vmap: `torch.func`, row by row.
- functional.jacobian: `torch.autograd.functional`, of the logits summed over the batch, whose rows are independent.
- loop of grad: `autograd.grad` of each logit, summed over the batch.
- one grad: `autograd.grad` of the margin alone: no Jacobian, but all that a graph of kind `margin` answers with.

The peer is the quickest of the first three; how many times faster the graph is counts from it. A graph of kind `full`
has the whole Jacobian too. Rounds alternate; each figure is the median over rounds, with the least and the most.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import torch
from numpy.typing import NDArray
from onnx.utils import Extractor
from torch import Tensor

from model_export.graph.compact import compact
from model_export.graph.decision import Walk, walk_of_rows
from model_export.graph.onnx_writer import write_graph
from model_export.graph.scorer import Scorer
from service.manifest import JacobianKind
from tests.benchmarks.graph_cost import SHAPES, Naive, make_scorer, session
from tests.benchmarks.rounds import alternate, repeats_lasting

ROUNDS = 30
ROUND_SECONDS = 0.02
GRAPH, ALIKE, JACREV, FUNCTIONAL, LOOP, ONE = (
    "exported graph, all outputs",
    "exported graph, the peers'",
    "jacrev + vmap",
    "functional.jacobian",
    "loop of grad",
    "one grad",
)
JACOBIANS = (JACREV, FUNCTIONAL, LOOP)
COMPARED = ("label", "probabilities", "jacobian_norm", "tail_ratio", "boundary_distance", "sensitivity")


class Cost(NamedTuple):
    """A row of the table; `ratio` is to the graph of that kind on the same rows."""

    network: str
    rows: int
    jacobian: JacobianKind
    method: str
    microseconds: float
    least: float
    most: float
    ratio: float


class Autograd:
    """The graph's answers up to `sensitivity` by torch autograd, in `COMPARED`'s order.

    Args:
        scorer: whose network, temperature and mean norms to take.
        jacobian: what the graph to be compared with takes of the Jacobian.
    """

    def __init__(self, scorer: Scorer, jacobian: JacobianKind) -> None:
        naive = Naive(scorer).float().eval().requires_grad_(False)
        self.standardiser, self.logits, self.temperature = naive.standardiser, naive.logits, naive.temperature
        self.mean_norm = scorer.mean_norm.float()
        self.full = jacobian == "full"
        self.by_row = torch.func.vmap(torch.func.jacrev(self._row, has_aux=True))

    def jacrev(self, x: Tensor) -> tuple[Tensor, ...]:
        jacobian, logits = self.by_row(self.standardiser(x))
        return self._answers(logits, jacobian)

    def functional(self, x: Tensor) -> tuple[Tensor, ...]:
        rows = self.standardiser(x)
        jacobian = torch.autograd.functional.jacobian(lambda s: self.logits(s).sum(0), rows)  # type: ignore[no-untyped-call]
        return self._answers(self.logits(rows), jacobian.transpose(0, 1))

    def loop(self, x: Tensor) -> tuple[Tensor, ...]:
        rows = self.standardiser(x).requires_grad_()
        logits = self.logits(rows)
        totals = logits.sum(0)
        gradients = [torch.autograd.grad(total, rows, retain_graph=True)[0] for total in totals]
        return self._answers(logits.detach(), torch.stack(gradients, 1))

    def one(self, x: Tensor) -> tuple[Tensor, ...]:
        rows = self.standardiser(x).requires_grad_()
        logits = self.logits(rows)
        largest, classes = torch.topk(logits, 2, dim=1)
        margin = largest[:, 0] - largest[:, 1]
        (gradient,) = torch.autograd.grad(margin.sum(), rows)
        return self._of_walk(logits.detach(), classes, Walk.of(margin.detach(), gradient))

    def _row(self, row: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.logits(row)
        return logits, logits

    def _answers(self, logits: Tensor, jacobian: Tensor) -> tuple[Tensor, ...]:
        largest, classes = torch.topk(logits, 2, dim=1)
        if self.full:
            walk = walk_of_rows(jacobian, largest[:, :1] - logits, classes[:, 0], classes[:, 1])
        else:
            each = torch.arange(len(logits))
            gradient = jacobian[each, classes[:, 0]] - jacobian[each, classes[:, 1]]
            walk = Walk.of(largest[:, 0] - largest[:, 1], gradient)
        return self._of_walk(logits, classes, walk)

    def _of_walk(self, logits: Tensor, classes: Tensor, walk: Walk) -> tuple[Tensor, ...]:
        probabilities = torch.softmax(logits / self.temperature, 1)
        label, runner_up = classes.unbind(1)
        rarity = walk.norm / self.mean_norm[label, runner_up]
        return label, probabilities, walk.norm, rarity, walk.boundary_distance, walk.sensitivity


def check(found: tuple[Tensor, ...], expected: list[NDArray[np.float32]], method: str) -> None:
    """Raise AssertionError unless a peer's answers are the graph's, to float32."""
    for name, one, other in zip(COMPARED, found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other, rtol=1e-3, atol=1e-4, err_msg=f"{name} by {method}")


def derivative_costs(name: str, jacobian: JacobianKind) -> Iterator[Cost]:
    """Yield what each method costs on the network called `name`."""
    features, hidden, classes = SHAPES[name]
    scorer = make_scorer(features, hidden, classes, jacobian)
    model = onnx.load_from_string(write_graph(compact(scorer), "features"))
    graph = session(model.SerializeToString())
    alike = session(Extractor(model).extract_model(["features"], list(COMPARED)).SerializeToString())
    autograd = Autograd(scorer, jacobian)
    for count in (1, 64):
        rows = np.random.default_rng(1).normal(size=(count, features)).astype(np.float32)
        x = torch.from_numpy(rows)
        peers = {JACREV: autograd.jacrev, FUNCTIONAL: autograd.functional, LOOP: autograd.loop}
        if jacobian == "margin":
            peers[ONE] = autograd.one
        expected = graph.run(list(COMPARED), {"features": rows})
        for method, peer in peers.items():
            check(peer(x), expected, method)
        calls: dict[str, Callable[[], object]] = {
            GRAPH: partial(graph.run, None, {"features": rows}),
            ALIKE: partial(alike.run, None, {"features": rows}),
        }
        calls |= {method: partial(peer, x) for method, peer in peers.items()}
        timings = alternate(calls, repeats_lasting(calls, ROUND_SECONDS), ROUNDS)
        for method, timing in timings.items():
            yield Cost(name, count, jacobian, method, *timing, timing.median / timings[GRAPH].median)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write the table to this CSV file too")
    output: Path | None = parser.parse_args().output
    torch.set_num_threads(1)
    print(f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}, one thread, median of {ROUNDS} rounds")
    print(f"{'network':18}{'rows':>4}  {'kind':8}{'method':28}{'µs':>9}{'least':>9}{'most':>9}{'over graph':>12}")
    kinds: tuple[JacobianKind, ...] = ("margin", "full")
    table = []
    for name in SHAPES:
        for kind in kinds:
            for cost in derivative_costs(name, kind):
                shown = "".join(f"{time:>9.1f}" for time in (cost.microseconds, cost.least, cost.most))
                print(f"{name:18}{cost.rows:>4}  {kind:8}{cost.method:28}{shown}{cost.ratio:>10.1f} ×")
                table.append(cost)
    for (network, rows, kind), costs in groupby(table, key=lambda cost: cost[:3]):
        taken = {cost.method: cost.microseconds for cost in costs}
        best = min(JACOBIANS, key=lambda method: taken[method])
        whole, alike = (taken[best] / taken[graph] for graph in (GRAPH, ALIKE))
        print(f"{network}, rows: {rows}, {kind}: {whole:.1f} × faster than {best}; like against like {alike:.1f} ×")
    if output is not None:
        pd.DataFrame(table).round({"microseconds": 1, "least": 1, "most": 1, "ratio": 3}).to_csv(output, index=False)


if __name__ == "__main__":
    main()
