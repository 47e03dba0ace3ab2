"""DREG, the penalty on every layer's Jacobian."""

from collections.abc import Sequence

import torch
from torch import Tensor

from model_export.chainzrule.layer import Record
from model_export.chainzrule.network import Network


def dreg_penalty(network: Network, records: Sequence[Record]) -> Tensor:
    """Return the mean over the batch of Σ_l ‖J_l‖²_F, a scalar to be added to the task's loss times λ.

    It is analytic: no second pass and no double backpropagation. (arXiv 2605.24340; the sum over all layers, the
    linear head included, is our reading.)
    """
    return torch.stack([norm.mean() for norm in network.squared_norms(records)]).sum()
