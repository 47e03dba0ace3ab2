"""A standardiser for the embeddings that fine-tuning has left, and a head that answers the same through it."""

from copy import deepcopy
from typing import cast

import numpy as np
from numpy.typing import NDArray

from model_export.chainzrule import ChainzRuleLayer, ChainzRuleNetwork
from model_export.training.standardiser import Standardiser


def refit(
    standardiser: Standardiser, network: ChainzRuleNetwork, embeddings: NDArray[np.float64]
) -> tuple[Standardiser, ChainzRuleNetwork]:
    """Return a standardiser fitted to `embeddings` and a network that makes of them what the old two did.

    Signals are then in training deviations of the embeddings as they are. The change is folded into the first layer:
    where s = (x − μ)/σ was standardised and s' = (x − μ')/σ' is, s = (σ' s' + μ' − μ)/σ, so that W becomes
    W diag(σ'/σ) and b becomes b + W (μ' − μ)/σ. That is exact but for the new clamp, which no training row touches.

    Args:
        standardiser: which the network was trained with, without a clamp that a row has met.
        network: with at least one hidden layer.
        embeddings: [N, n_0], of the training rows.
    """
    fitted = Standardiser.fit(embeddings)
    result = deepcopy(network).requires_grad_(False)
    linear = cast("ChainzRuleLayer", result.layers[0]).linear
    mean, deviation = standardiser.mean.double(), standardiser.deviation.double()
    weight = linear.weight.double()
    linear.bias.copy_(linear.bias.double() + weight @ ((fitted.mean - mean) / deviation))
    linear.weight.copy_(weight * (fitted.deviation / deviation))
    return fitted, result
