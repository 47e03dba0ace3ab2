"""The architecture: polynomial layers, the networks they make, their Jacobians, and DREG. Needs torch alone."""

from model_export.chainzrule.activation import ACTIVATIONS, Activation, Gelu, Relu, Tanh, make_activation
from model_export.chainzrule.dreg import dreg_penalty
from model_export.chainzrule.jacobian import (
    forward_jacobian,
    hidden_pullback,
    jacobian_norm,
    pullback,
    reverse_jacobian,
    squared_layer_norms,
    tail_ratio,
)
from model_export.chainzrule.layer import ChainzRuleLayer
from model_export.chainzrule.network import ChainzRuleNetwork, Trace
from model_export.chainzrule.polynomial import Polynomial

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "ChainzRuleLayer",
    "ChainzRuleNetwork",
    "Gelu",
    "Polynomial",
    "Relu",
    "Tanh",
    "Trace",
    "dreg_penalty",
    "forward_jacobian",
    "hidden_pullback",
    "jacobian_norm",
    "make_activation",
    "pullback",
    "reverse_jacobian",
    "squared_layer_norms",
    "tail_ratio",
]
