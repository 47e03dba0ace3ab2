"""What a network decides of a row, and what walking back through it says of that."""

from functools import partial
from typing import NamedTuple, Self

import torch
from torch import Tensor

from model_export.chainzrule import CumulativeHead, Network, Trace, jacobian_norm, walk_back_rows
from service.manifest import JacobianKind

SMALLEST_NORM = 1e-12
"""Divisors are kept above this: where the network is flat the boundary is far, not at infinity."""


class Decision(NamedTuple):
    """What is read off the logits, [N] each where nothing else is said."""

    label: Tensor
    runner_up: Tensor
    """the second likeliest class; of levels the neighbour behind the nearest threshold"""
    margin: Tensor
    """f_label − f_runner-up; of levels |f − θ| to the nearest threshold"""
    probabilities: Tensor
    """[N, K]"""
    certainty: Tensor
    """the label's probability"""
    expected_level: Tensor | None
    """the mean of the distribution over levels; None of classes"""


class Walk(NamedTuple):
    """What walking back through the network gives."""

    norm: Tensor
    boundary_distance: Tensor
    sensitivity: Tensor
    """of the shape of the network's input"""

    @classmethod
    def of(cls, margin: Tensor, sensitivity: Tensor) -> Self:
        """Return what one walk gives, from margin [N] and gradient [N, …]."""
        norm = torch.linalg.vector_norm(sensitivity.flatten(1), dim=1)
        return cls(norm, margin / norm.clamp_min(SMALLEST_NORM), sensitivity)


def decide(network: Network, logits: Tensor, temperature: float | Tensor) -> Decision:
    """Return what `network` decides by its logits."""
    if isinstance(network.head, CumulativeHead):
        return _decide_level(logits, temperature)
    largest, classes = torch.topk(logits, 2, dim=1)
    label, runner_up = classes.unbind(1)
    probabilities = torch.softmax(logits / temperature, dim=1)
    return Decision(label, runner_up, largest[:, 0] - largest[:, 1], probabilities, probabilities.amax(1), None)


def _decide_level(logits: Tensor, temperature: float | Tensor) -> Decision:
    """Return the median level: it has the smallest expected distance from the true one."""
    label = (logits > 0).sum(1)
    margin, nearest = logits.abs().min(1)
    above = torch.sigmoid(logits / temperature)
    one = torch.ones_like(above[:, :1])
    probabilities = torch.cat([one, above], 1) - torch.cat([above, 0 * one], 1)
    return Decision(
        label=label,
        # Behind the threshold θ_k lies level k + 1.
        runner_up=torch.where(label > nearest, nearest, nearest + 1),
        margin=margin,
        probabilities=probabilities,
        certainty=torch.gather(probabilities, 1, label.unsqueeze(1))[:, 0],
        expected_level=above.sum(1),
    )


def walk_back(network: Network, trace: Trace, jacobian: JacobianKind, decision: Decision) -> Walk:
    """Return ‖J‖, the first-order distance to the nearest other class, and the margin's gradient.

    The distance is min_j (f_y − f_j) / ‖∇(f_y − f_j)‖ over all other classes j when `jacobian` is "full", and over
    the runner-up alone when it is "margin"; there ‖J‖ is the norm of that one row. Of levels there is one row, ∇f: the
    distance is that to the nearest threshold, and the gradient says what the level rises with.
    """
    head = network.head.weight
    pull = partial(network.pullback, trace.records)
    if isinstance(network.head, CumulativeHead):
        return Walk.of(decision.margin, pull(torch.ones_like(trace.logits[:, :1])))
    if jacobian == "full":
        gaps = trace.logits.amax(1, keepdim=True) - trace.logits
        rows = walk_back_rows(pull, torch.eye(len(head), dtype=head.dtype), len(trace.logits))
        return walk_of_rows(rows, gaps, decision.label, decision.runner_up)
    classes = torch.eye(len(head), dtype=head.dtype)
    return Walk.of(decision.margin, pull(classes[decision.label] - classes[decision.runner_up]))


def walk_of_rows(rows: Tensor, gaps: Tensor, label: Tensor, runner_up: Tensor) -> Walk:
    """Return the same from all rows of J [N, K, …], for the gaps f_y − f_j [N, K]."""
    own = _take(rows, label)
    distances = torch.linalg.vector_norm((own.unsqueeze(1) - rows).flatten(2), dim=2).clamp_min(SMALLEST_NORM)
    others = torch.arange(gaps.shape[1]) != label.unsqueeze(1)
    nearest = torch.where(others, gaps / distances, torch.inf).amin(1)
    return Walk(jacobian_norm(rows), nearest, own - _take(rows, runner_up))


def _take(rows: Tensor, index: Tensor) -> Tensor:
    """Return rows[n, index[n]] of rows [N, K, …]."""
    wide = index.reshape(-1, *[1] * (rows.dim() - 1)).expand(-1, 1, *rows.shape[2:])
    return torch.gather(rows, 1, wide).squeeze(1)
