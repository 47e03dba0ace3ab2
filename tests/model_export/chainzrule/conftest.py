"""Networks of every kind of layer, with weights and running statistics that are none of the usual ones."""

from collections.abc import Callable

import pytest
import torch

from model_export.chainzrule import (
    ChainzRuleLayer,
    ChainzRuleNetwork,
    ConvolutionalNetwork,
    CumulativeHead,
    Flatten,
    Network,
    Polynomial,
)


def dense_on_pixels() -> Network:
    return Network(
        [Flatten((2, 4, 4)), ChainzRuleLayer(32, 6, Polynomial(6)), ChainzRuleLayer(6, 5, Polynomial(5))],
        torch.nn.Linear(5, 3),
    )


def levels_on_pixels() -> Network:
    convolutional = ConvolutionalNetwork((1, 4, 4), (2, 3), 2)
    return Network(convolutional.layers, CumulativeHead(3, 4))


MADE: dict[str, tuple[Callable[[], Network], tuple[int, ...]]] = {
    "convolutional": (lambda: ConvolutionalNetwork((2, 8, 8), (3, 4), 5), (2, 8, 8)),
    "one stage": (lambda: ConvolutionalNetwork((1, 5, 7), (3,), 2, activation="gelu"), (1, 5, 7)),
    "dense on pixels": (dense_on_pixels, (2, 4, 4)),
    "levels": (lambda: ChainzRuleNetwork((4, 7, 5, 6), ordinal=True), (4,)),
    "levels on pixels": (levels_on_pixels, (1, 4, 4)),
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
