"""Jacobians from the derivatives that a forward pass has already made.

In a network of dense layers the Jacobian of the logits by the input is
J(x) = W_L diag(d_{L-1}) W_{L-1} … diag(d_1) W_1, [N, K, n_0]. Everything here is plain multiplication, so that it
exports to any runtime. Without hidden layers J is the same for every row, and stands for all of them with N = 1.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from model_export.chainzrule.network import Network, Trace


def forward_jacobian(weights: Sequence[Tensor], derivatives: Sequence[Tensor]) -> Tensor:
    """Return J [N, K, n_0] of a dense network, accumulated from the input on: M ← W_{l+1} diag(d_l) M.

    Dear where n_0 is wide; `weights` are W_1 … W_L and `derivatives` d_1 … d_{L-1}.
    """
    product = weights[0].expand(derivatives[0].shape[0], -1, -1) if derivatives else weights[0].unsqueeze(0)
    for derivative, weight in zip(derivatives, weights[1:], strict=True):
        product = weight @ (derivative.unsqueeze(-1) * product)
    return product


def reverse_jacobian(network: Network, trace: Trace) -> Tensor:
    """Return J [N, K, …] of any network by K walks back from the head. Dear where K is large."""
    classes = torch.eye(len(network.head.weight), dtype=trace.logits.dtype, device=trace.logits.device)
    rows = len(trace.logits) if network.layers else 1
    return walk_back_rows(partial(network.pullback, trace.records), classes, rows)


def walk_back_rows(pull: Callable[[Tensor], Tensor], combinations: Tensor, rows: int) -> Tensor:
    """Return `pull` of each of K `combinations` [K, n] for each of N rows, [N, K, …]."""
    return pull(combinations.unsqueeze(1).expand(-1, rows, -1)).transpose(0, 1)


def jacobian_norm(jacobian: Tensor) -> Tensor:
    """Return the Frobenius norm [N] of each row's Jacobian [N, K, …]."""
    norm: Tensor = torch.linalg.vector_norm(jacobian.flatten(1), dim=1)
    return norm


def tail_ratio(norms: Tensor) -> float:
    """Return τ = p99(‖J‖) / mean(‖J‖) over the norms [N] of a data set.

    Raises:
        ValueError: if there are no norms.
    """
    if norms.numel() == 0:
        raise ValueError("the tail ratio of no rows is undefined: give at least one norm")
    return float(torch.quantile(norms, 0.99) / norms.mean())
