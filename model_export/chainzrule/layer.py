"""Layers that hand their derivatives out, so that a network's Jacobian costs no second pass."""

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

from torch import Tensor, nn

from model_export.chainzrule.activation import Activation, is_straight

Record: TypeAlias = Any
"""What a layer's pullback needs of its forward pass: a tensor or a tuple, as the layer likes it."""

Factors: TypeAlias = tuple[Tensor, Tensor]
"""What ‖J_l‖²_F = Σ_i d_i² ‖W_{i,:}‖² is made of: d [N, n], and W [n, m], or the squared norms of its rows [n]"""


def squared_rows(weight: Tensor) -> Tensor:
    """Return the squared norms [n] of the rows of the weight in `Factors`."""
    return weight.square().sum(1) if weight.dim() == 2 else weight


class Layer(nn.Module, ABC):
    """One hidden layer. Rows are [N, …]; a batch of cotangents may stand before, [K', N, …]."""

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Record]:
        """Return the layer's value for x, and the record that the other methods take."""

    @abstractmethod
    def pullback(self, cotangent: Tensor, record: Record) -> Tensor:
        """Return uᵀJ for cotangents u of the layer's value, of the shape of its input."""

    @abstractmethod
    def factors(self, record: Record) -> tuple[Factors, ...]:
        """Return what ‖J_l‖²_F of what is learnt here is made of, for each layer within."""

    def squared_norms(self, record: Record) -> tuple[Tensor, ...]:
        """Return ‖J_l‖²_F [N] of what is learnt here, for each layer within."""
        return tuple(d.square() @ squared_rows(weight) for d, weight in self.factors(record))

    @abstractmethod
    def derivatives(self, record: Record) -> tuple[Tensor, ...]:
        """Return φ' of each activation in here, from the input on."""


class FixedLayer(Layer):
    """A layer that learns nothing and has no activation; its record is empty."""

    def forward(self, x: Tensor) -> tuple[Tensor, Record]:
        """Return the layer's value, and nothing to remember."""
        return self.apply_to(x), ()

    @abstractmethod
    def apply_to(self, x: Tensor) -> Tensor:
        """Return the layer's value for x."""

    def factors(self, _record: Record) -> tuple[Factors, ...]:
        """Return nothing: there is nothing to penalise."""
        return ()

    def derivatives(self, _record: Record) -> tuple[Tensor, ...]:
        """Return nothing: there is no activation."""
        return ()


class ChainzRuleLayer(Layer):
    """h = φ(W x + b), its record d = φ'(W x + b), so that its Jacobian diag(d) W costs nothing more.

    Args:
        inputs: width of x.
        outputs: width of h.
        activation: a module returning value and derivative, as `make_activation` makes them.
    """

    def __init__(self, inputs: int, outputs: int, activation: Activation) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.activation = activation

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and d, both [N, outputs], for x [N, inputs]."""
        value, derivative = self.activation(self.linear(x))
        return value, derivative

    def pullback(self, cotangent: Tensor, record: Tensor) -> Tensor:
        """Return (u ⊙ d) W."""
        return (cotangent * record) @ self.linear.weight

    def factors(self, record: Tensor) -> tuple[Factors, ...]:
        """Return d and W: ‖diag(d) W‖²_F = Σ_i d_i² ‖W_{i,:}‖²."""
        return ((record, self.linear.weight),)

    def derivatives(self, record: Tensor) -> tuple[Tensor, ...]:
        """Return d, or nothing without an activation."""
        return () if is_straight(self.activation) else (record,)

    def __str__(self) -> str:
        return f"dense {self.linear.in_features} → {self.linear.out_features}"
