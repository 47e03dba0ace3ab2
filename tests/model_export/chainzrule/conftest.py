"""Networks of every kind of layer, with weights and running statistics that are none of the usual ones."""

from collections.abc import Callable

import pytest
import torch

from model_export.chainzrule import (
    ActivationLayer,
    AveragePool,
    AverageWindows,
    ChainzRuleLayer,
    ChainzRuleNetwork,
    ConvolutionalLayer,
    ConvolutionalNetwork,
    CumulativeHead,
    Flatten,
    GlobalAveragePool,
    LayerNormalisation,
    MaxPool,
    Network,
    Normalised,
    Polynomial,
    Residual,
    Standardised,
    Straight,
    StridedConvolution,
    Tangents,
    Windows,
)


def dense_on_pixels() -> Network:
    return Network(
        [Flatten((2, 4, 4)), ChainzRuleLayer(32, 6, Polynomial(6)), ChainzRuleLayer(6, 5, Polynomial(5))],
        torch.nn.Linear(5, 3),
    )


def levels_on_pixels() -> Network:
    convolutional = ConvolutionalNetwork((1, 4, 4), (2, 3), 2)
    return Network(convolutional.layers, CumulativeHead(3, 4))


def strided() -> Network:
    """A strided block with a convolution around it, and grouped, dilated and unpadded convolutions."""
    halving, single = Windows((7, 8), (3, 3), (2, 2), (1, 1)), Windows((7, 8), (1, 1), (2, 2))
    odd = Windows((4, 4), (2, 3), (1, 2), (1, 0), (2, 1))
    return Network(
        [
            Residual(
                [StridedConvolution(2, 4, Normalised(4, Tangents(Polynomial(4))), halving)],
                [StridedConvolution(2, 4, Normalised(4, Straight()), single)],
            ),
            ActivationLayer(Standardised(torch.randn(4), torch.rand(4) + 0.5, Polynomial(4))),
            StridedConvolution(4, 6, Polynomial(6), odd, groups=2),
            ActivationLayer(Normalised(6, Straight()), "normalisation"),
            GlobalAveragePool(4, 1),
            ChainzRuleLayer(6, 5, Straight()),
            ChainzRuleLayer(5, 4, Polynomial(4)),
        ],
        torch.nn.Linear(4, 3),
    )


def pooled() -> Network:
    """Every way of pooling, overlapping or with a rest, and normalised rows."""
    return Network(
        [
            ConvolutionalLayer(1, 3, Polynomial(3)),
            MaxPool(3, Windows((9, 7), (3, 3), (2, 2), (1, 1))),
            LayerNormalisation((3, 5, 4)),
            AverageWindows(3, Windows((5, 4), (3, 2), (1, 1), (1, 0))),
            MaxPool(3, Windows((5, 3), (2, 2), (2, 1))),
            AveragePool((1, 2)),
            Flatten((3, 2, 1)),
            LayerNormalisation((6,)),
            ChainzRuleLayer(6, 4, Polynomial(4)),
        ],
        torch.nn.Linear(4, 3),
    )


MADE: dict[str, tuple[Callable[[], Network], tuple[int, ...]]] = {
    "convolutional": (lambda: ConvolutionalNetwork((2, 8, 8), (3, 4), 5), (2, 8, 8)),
    "one stage": (lambda: ConvolutionalNetwork((1, 5, 7), (3,), 2, activation="gelu"), (1, 5, 7)),
    "dense on pixels": (dense_on_pixels, (2, 4, 4)),
    "levels": (lambda: ChainzRuleNetwork((4, 7, 5, 6), ordinal=True), (4,)),
    "levels on pixels": (levels_on_pixels, (1, 4, 4)),
    "strided": (strided, (2, 7, 8)),
    "pooled": (pooled, (1, 9, 7)),
}


class Made:
    """A network in float64, and rows for it."""

    def __init__(self, name: str) -> None:
        make, self.shape = MADE[name]
        torch.manual_seed(0)
        self.network = make().double()
        for parameter in self.network.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        self.network.train()
        with torch.no_grad():
            self.network(self.rows(50))
        self.network.eval()

    def rows(self, count: int) -> torch.Tensor:
        return torch.randn(count, *self.shape, dtype=torch.float64)


@pytest.fixture(params=list(MADE))
def made(request: pytest.FixtureRequest) -> Made:
    return Made(request.param)
