"""DREG, the penalty on every layer's Jacobian."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from model_export.chainzrule.layer import Record, squared_rows
from model_export.chainzrule.network import Network


def dreg_penalty(network: Network, records: Sequence[Record]) -> Tensor:
    """Return the mean over the batch of Σ_l ‖J_l‖²_F, a scalar to be added to the task's loss times λ.

    It is analytic: no second pass and no double backpropagation; its gradient cannot be differentiated again.
    (arXiv 2605.24340; the sum over all layers, the linear head included, is our reading.)
    """
    penalty: Tensor = _Penalty.apply(  # type: ignore[no-untyped-call]
        network.head.weight, *chain.from_iterable(network.factors(records))
    )
    return penalty


class _Penalty(Function):
    """‖W_L‖² + mean over N of Σ_l Σ_i d_{l,i}² ‖W_{l,i,:}‖², with its gradient written out.

    A small network's step is as long as its operations are many, and a large one's as its tensors are: autograd would
    go through twice as many of both. The gradient is that of autograd to the last bit.
    """

    @staticmethod
    def forward(ctx: Any, head: Tensor, *factors: Tensor) -> Tensor:
        """Return the penalty for W_L and the `Factors` of each layer, one after the other."""
        derivatives, weights = factors[::2], factors[1::2]
        ctx.save_for_backward(head, *derivatives, *weights)
        ctx.squares = [d.square() for d in derivatives]
        ctx.norms = [squared_rows(weight) for weight in weights]
        penalty = head.square().sum()
        if not factors:
            return penalty
        total = torch.mv(ctx.squares[0], ctx.norms[0])
        for squares, norms in zip(ctx.squares[1:], ctx.norms[1:], strict=True):
            total.addmv_(squares, norms)
        return penalty.add_(total.mean())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients by W_L, and by each d and W or its squared norms."""
        if torch.is_grad_enabled():
            raise RuntimeError("DREG's gradient cannot be differentiated again: take it without create_graph")
        head, *factors = ctx.saved_tensors
        # A plain number makes fewer operations than a tensor does, and rounds to the same bits.
        slope = gradient.item()
        found: list[Tensor | None] = [head * (2 * slope)]
        if not factors:
            return tuple(found)
        derivatives, weights = factors[: len(factors) // 2], factors[len(factors) // 2 :]
        rows = len(derivatives[0])
        each = derivatives[0].new_full((rows,), slope / rows)
        for d, weight, squares, norms, wanted in zip(
            derivatives, weights, ctx.squares, ctx.norms, ctx.needs_input_grad[1::2], strict=True
        ):
            found.append(d * (norms * (2 * slope / rows)) if wanted else None)
            by_norms = torch.mv(squares.t(), each)
            found.append(weight * by_norms.mul_(2).unsqueeze(1) if weight.dim() == 2 else by_norms)
        return tuple(found)
