"""Jacobians from the derivatives that a forward pass has already made.

Throughout, `weights` are W_1 … W_L and `derivatives` d_1 … d_{L-1}, as `ChainzRuleNetwork.weights` and `Trace` hold
them. The Jacobian of the logits by the input is J(x) = W_L diag(d_{L-1}) W_{L-1} … diag(d_1) W_1, [N, K, n_0].
Everything here is plain multiplication, so that it exports to any runtime. Without hidden layers J is the same for
every row, and stands for all of them with N = 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def forward_jacobian(weights: Sequence[Tensor], derivatives: Sequence[Tensor]) -> Tensor:
    """Return J [N, K, n_0] accumulated from the input on: M ← W_{l+1} diag(d_l) M. Dear where n_0 is wide."""
    product = weights[0].expand(derivatives[0].shape[0], -1, -1) if derivatives else weights[0].unsqueeze(0)
    for derivative, weight in zip(derivatives, weights[1:], strict=True):
        product = weight @ (derivative.unsqueeze(-1) * product)
    return product


def pullback(weights: Sequence[Tensor], derivatives: Sequence[Tensor], cotangent: Tensor) -> Tensor:
    """Return uᵀJ, [N, n_0] (or [K', N, n_0]), for combinations u of the logits.

    Args:
        weights: W_1 … W_L.
        derivatives: d_1 … d_{L-1}, [N, n_l] each.
        cotangent: u, [N, K], or K' of them as [K', N, K], which walk back together.
    """
    return hidden_pullback(weights[:-1], derivatives, cotangent @ weights[-1])


def hidden_pullback(weights: Sequence[Tensor], derivatives: Sequence[Tensor], cotangent: Tensor) -> Tensor:
    """Return the pullback of combinations u [N, n_{L-1}] of the last hidden layer, by W_1 … W_{L-1} alone."""
    for derivative, weight in zip(reversed(derivatives), reversed(weights), strict=True):
        cotangent = (cotangent * derivative) @ weight
    return cotangent


def reverse_jacobian(weights: Sequence[Tensor], derivatives: Sequence[Tensor]) -> Tensor:
    """Return J [N, K, n_0] by K walks back from the logits. Dear where K is large."""
    head = weights[-1]
    rows = derivatives[0].shape[0] if derivatives else 1
    basis = torch.eye(head.shape[0], dtype=head.dtype, device=head.device)
    return pullback(weights, derivatives, basis.unsqueeze(1).expand(-1, rows, -1)).transpose(0, 1)


def squared_layer_norms(weights: Sequence[Tensor], derivatives: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return ‖J_l‖²_F = Σ_i d_{l,i}² ‖W_{l,i,:}‖² for each layer; [N] each, and a scalar ‖W_L‖²_F for the head."""
    hidden = (d.square() @ w.square().sum(1) for d, w in zip(derivatives, weights[:-1], strict=True))
    return (*hidden, weights[-1].square().sum())


def jacobian_norm(jacobian: Tensor) -> Tensor:
    """Return the Frobenius norm [N] of each row's Jacobian [N, K, n_0]."""
    norm: Tensor = torch.linalg.matrix_norm(jacobian)
    return norm


def tail_ratio(norms: Tensor) -> float:
    """Return τ = p99(‖J‖) / mean(‖J‖) over the norms [N] of a data set.

    Raises:
        ValueError: if there are no norms.
    """
    if norms.numel() == 0:
        raise ValueError("the tail ratio of no rows is undefined: give at least one norm")
    return float(torch.quantile(norms, 0.99) / norms.mean())
