"""What DREG costs in training: an optimisation step with the penalty beside the same step without it, one thread.

    python -m tests.benchmarks.dreg [--output dreg.csv]

A step is forward pass, loss, backward pass, clipping of the gradient and AdamW, on made-up rows and float32. Ratios are
to the step without the penalty of the same network. Methods:

- none: the library's network; its activations return their derivatives too, which nobody asks for then.
- analytic: DREG as the library has it, Σ d² ‖W_i‖² from the derivatives of the forward pass.
- double backpropagation, exact: `autograd.grad` of every output of every layer by the layer's input, with a graph of
  its own to be differentiated again; where layers are at most 64 wide.
- double backpropagation, estimate: Hutchinson's, ‖vᵀJ_l‖² for one draw of random signs v a layer; its mean is ‖J_l‖²_F.

The head's norm is the weights' own in all of them. Before anything is timed, the exact penalty and its gradient by
every parameter are compared with the analytic ones, and the mean of many estimates with the analytic penalty, without
the batch's own statistics in the convolutional network: DREG takes them for constants, backpropagation goes through
them.

Rounds alternate; each figure is the median over rounds, with the least and the most.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW

from model_export.chainzrule import ChainzRuleNetwork, ConvolutionalNetwork, Layer, Network, Residual, dreg_penalty
from model_export.training.schedule import DEFAULT_LAMBDA
from tests.benchmarks.rounds import alternate, repeats_lasting

ROUNDS = 30
ROUND_SECONDS = 0.02
WIDEST_EXACT = 64
DRAWS = 100
NONE, ANALYTIC, EXACT, ESTIMATE = (
    "none",
    "analytic",
    "double backpropagation, exact",
    "double backpropagation, estimate",
)

Penalty = Callable[[Network, Tensor], tuple[Tensor, Tensor | None]]
"""From a network and rows to logits and penalty"""


class Case(NamedTuple):
    """A network to be trained on rows of such a shape, with such a λ."""

    name: str
    make: Callable[[str], Network]
    shape: tuple[int, ...]
    classes: int
    batches: tuple[int, ...]
    weight: float
    widest: int


def dense(name: str, *batches: int) -> Case:
    widths = tuple(map(int, name.split("-")))
    make = partial(ChainzRuleNetwork, widths)
    return Case(name, make, widths[:1], widths[-1], batches, DEFAULT_LAMBDA, max(widths[1:]))


CASES = (
    dense("8-64-64-2", 32, 128),
    dense("384-512-512-5", 256),
    Case(
        "convolutional, CIFAR-10",
        lambda activation: ConvolutionalNetwork((3, 32, 32), (16, 32, 64), 10, activation),
        (3, 32, 32),
        10,
        (128,),
        1e-6,
        16 * 32 * 32,
    ),
)


class Cost(NamedTuple):
    """A row of the table; `ratio` is to the step without the penalty."""

    network: str
    activation: str
    batch: int
    penalty: str
    microseconds: float
    least: float
    most: float
    ratio: float


def none(network: Network, x: Tensor) -> tuple[Tensor, None]:
    return network(x), None


def analytic(network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    trace = network.trace(x)
    return trace.logits, dreg_penalty(network, trace.records)


def exact(network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    return by_backpropagation(network, x, all_rows)


def estimate(network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    return by_backpropagation(network, x, one_draw)


def by_backpropagation(
    network: Network, x: Tensor, squared_norm: Callable[[Tensor, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return logits and penalty, with `squared_norm` of each layer's values and input summed over the batch."""
    norms: list[Tensor] = []
    value = x.requires_grad_()
    for layer in network.layers:
        value = applied(layer, value, squared_norm, norms)
    logits: Tensor = network.head(value)
    return logits, torch.stack(norms).sum() / len(x) + network.head.weight.square().sum()


def applied(layer: Layer, x: Tensor, squared_norm: Callable[[Tensor, Tensor], Tensor], norms: list[Tensor]) -> Tensor:
    """Return the layer's values, and add the norms of what it learns to `norms`."""
    if isinstance(layer, Residual):
        value = x
        for inner in layer.chain:
            value = applied(inner, value, squared_norm, norms)
        return x + value
    value = cast("Tensor", layer(x)[0])
    if any(True for _ in layer.parameters()):
        norms.append(squared_norm(value, x))
    return value


def all_rows(value: Tensor, x: Tensor) -> Tensor:
    rows = (torch.autograd.grad(one.sum(), x, create_graph=True)[0] for one in value.unbind(1))
    return torch.stack([row.square().sum() for row in rows]).sum()


def one_draw(value: Tensor, x: Tensor) -> Tensor:
    signs = torch.randint(2, value.shape).to(value.dtype) * 2 - 1
    (row,) = torch.autograd.grad(value, x, signs, create_graph=True)
    return row.square().sum()


def check(network: Network, x: Tensor, *, widest: int) -> None:
    """Raise AssertionError unless double backpropagation has the analytic penalty."""
    network.eval()
    parameters = list(network.parameters())
    wanted = analytic(network, x)[1]
    if widest <= WIDEST_EXACT:
        found = exact(network, x)[1]
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=0)
        gradients = (torch.autograd.grad(one, parameters, materialize_grads=True) for one in (found, wanted))
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    mean = torch.stack([estimate(network, x)[1].detach() for _ in range(DRAWS)]).mean()
    torch.testing.assert_close(mean, wanted.detach(), rtol=0.05, atol=0)
    network.train()


def make_step(network: Network, x: Tensor, labels: Tensor, penalty: Penalty, weight: float) -> Callable[[], None]:
    """Return a step of optimisation."""
    optimiser = AdamW(network.parameters())

    def step() -> None:
        logits, norm = penalty(network, x)
        loss = cross_entropy(logits, labels)
        if norm is not None:
            loss = loss + weight * norm
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    return step


def step_costs(case: Case, activation: str, batch: int) -> Iterator[Cost]:
    """Yield what a step takes by each method."""
    torch.manual_seed(0)
    x, labels = torch.randn(batch, *case.shape), torch.randint(case.classes, (batch,))
    methods: dict[str, Penalty] = {NONE: none, ANALYTIC: analytic, ESTIMATE: estimate}
    if case.widest <= WIDEST_EXACT:
        methods[EXACT] = exact
    check(case.make(activation), x[:8].clone(), widest=case.widest)
    # A network each: all start alike and none is trained by another.
    calls: dict[str, Callable[[], object]] = {}
    for name, method in methods.items():
        torch.manual_seed(0)
        calls[name] = make_step(case.make(activation).train(), x.clone(), labels, method, case.weight)
    timings = alternate(calls, repeats_lasting(calls, ROUND_SECONDS), ROUNDS)
    for name, timing in timings.items():
        yield Cost(case.name, activation, batch, name, *timing, timing.median / timings[NONE].median)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write the table to this CSV file too")
    output: Path | None = parser.parse_args().output
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, median of {ROUNDS} rounds")
    print(
        f"{'network':25}{'activation':12}{'batch':>5}  {'penalty':33}{'µs':>9}{'least':>9}{'most':>9}{'over none':>11}"
    )
    table = []
    for case in CASES:
        for activation in ("polynomial", "relu"):
            for batch in case.batches:
                for cost in step_costs(case, activation, batch):
                    shown = "".join(f"{time:>9.0f}" for time in (cost.microseconds, cost.least, cost.most))
                    ratio = f"{cost.ratio:>9.2f} ×"
                    print(f"{cost.network:25}{activation:12}{batch:>5}  {cost.penalty:33}{shown}{ratio}", flush=True)
                    table.append(cost)
    if output is not None:
        pd.DataFrame(table).round({"microseconds": 1, "least": 1, "most": 1, "ratio": 3}).to_csv(output, index=False)


if __name__ == "__main__":
    main()
