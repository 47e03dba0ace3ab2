"""DREG, the penalty on every layer's Jacobian."""

from collections.abc import Sequence

import torch
from torch import Tensor

from model_export.chainzrule.jacobian import squared_layer_norms


def dreg_penalty(weights: Sequence[Tensor], derivatives: Sequence[Tensor]) -> Tensor:
    """Return the mean over the batch of Σ_l ‖J_l‖²_F, a scalar to be added to the task's loss times λ.

    It is analytic: no second pass and no double backpropagation. (arXiv 2605.24340; the sum over all layers, the
    linear head included, is our reading.)
    """
    norms = squared_layer_norms(weights, derivatives)
    return torch.stack([norm.mean() for norm in norms]).sum()
