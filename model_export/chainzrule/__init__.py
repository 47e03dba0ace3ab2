"""The architecture: polynomial layers, the networks they make, their Jacobians, and DREG. Needs torch alone."""

from model_export.chainzrule.activation import (
    ACTIVATIONS,
    Activation,
    Gelu,
    Relu,
    Silu,
    Straight,
    Tanh,
    in_words,
    is_straight,
    make_activation,
)
from model_export.chainzrule.activation_layer import ActivationLayer, Standardised
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
from model_export.chainzrule.layer_normalisation import LayerNormalisation
from model_export.chainzrule.max_pooling import MaxPool
from model_export.chainzrule.network import ChainzRuleNetwork, Network, Trace, pull_back, summary
from model_export.chainzrule.normalisation import Normalised
from model_export.chainzrule.polynomial import Polynomial
from model_export.chainzrule.pooling import AveragePool, AverageWindows, Flatten, GlobalAveragePool
from model_export.chainzrule.residual import Residual
from model_export.chainzrule.strided_convolution import StridedConvolution
from model_export.chainzrule.tangents import Tangents
from model_export.chainzrule.windows import Windows

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "ActivationLayer",
    "AveragePool",
    "AverageWindows",
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
    "LayerNormalisation",
    "MaxPool",
    "Network",
    "Normalised",
    "Polynomial",
    "Record",
    "Relu",
    "Residual",
    "Silu",
    "Standardised",
    "Straight",
    "StridedConvolution",
    "Tangents",
    "Tanh",
    "Trace",
    "Windows",
    "dreg_penalty",
    "forward_jacobian",
    "in_words",
    "is_straight",
    "jacobian_norm",
    "level_log_likelihoods",
    "make_activation",
    "pull_back",
    "reverse_jacobian",
    "summary",
    "tail_ratio",
    "walk_back_rows",
]
