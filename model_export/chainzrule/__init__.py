"""The architecture: polynomial layers, the networks they make, their Jacobians, and DREG. Needs torch alone."""

from model_export.chainzrule.activation import (
    ACTIVATIONS,
    Activation,
    Gelu,
    Relu,
    Silu,
    Tanh,
    in_words,
    make_activation,
)
from model_export.chainzrule.convolution import ConvolutionalLayer
from model_export.chainzrule.convolutional_network import ConvolutionalNetwork
from model_export.chainzrule.cumulative_head import CumulativeHead, level_log_likelihoods
from model_export.chainzrule.dreg import dreg_penalty
from model_export.chainzrule.jacobian import (
    forward_jacobian,
    jacobian_norm,
    reverse_jacobian,
    tail_ratio,
    walk_back_rows,
)
from model_export.chainzrule.layer import ChainzRuleLayer, FixedLayer, Layer, Record
from model_export.chainzrule.network import ChainzRuleNetwork, Network, Trace, pull_back, summary
from model_export.chainzrule.normalisation import Normalised
from model_export.chainzrule.polynomial import Polynomial
from model_export.chainzrule.pooling import AveragePool, Flatten, GlobalAveragePool
from model_export.chainzrule.residual import Residual
from model_export.chainzrule.tangents import Tangents

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "AveragePool",
    "ChainzRuleLayer",
    "ChainzRuleNetwork",
    "ConvolutionalLayer",
    "ConvolutionalNetwork",
    "CumulativeHead",
    "FixedLayer",
    "Flatten",
    "Gelu",
    "GlobalAveragePool",
    "Layer",
    "Network",
    "Normalised",
    "Polynomial",
    "Record",
    "Relu",
    "Residual",
    "Silu",
    "Tangents",
    "Tanh",
    "Trace",
    "dreg_penalty",
    "forward_jacobian",
    "in_words",
    "jacobian_norm",
    "level_log_likelihoods",
    "make_activation",
    "pull_back",
    "reverse_jacobian",
    "summary",
    "tail_ratio",
    "walk_back_rows",
]
