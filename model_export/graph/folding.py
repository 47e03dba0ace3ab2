"""Batch normalisation multiplied into the weights before it."""

from copy import deepcopy
from typing import cast

import torch
from torch import Tensor

from model_export.chainzrule import ChainzRuleLayer, ConvolutionalLayer, Network, Normalised


@torch.no_grad()
def folded(network: Network) -> Network:
    """Return an equal network in float64, to be evaluated only, without `Normalised` activations."""
    result = deepcopy(network).double().eval().requires_grad_(False)
    for module in result.modules():
        if not isinstance(module, ChainzRuleLayer | ConvolutionalLayer):
            continue
        normalised = module.activation
        if isinstance(normalised, Normalised):
            linear = module.linear if isinstance(module, ChainzRuleLayer) else module.convolution
            scale, bias = normalised.scale, cast("Tensor", linear.bias)
            bias.copy_((bias - normalised.mean) * scale + normalised.shift)
            linear.weight.mul_(scale.reshape(-1, *[1] * (linear.weight.dim() - 1)))
            module.activation = normalised.activation
    return result
