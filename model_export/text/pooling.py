"""From the vectors of a text's tokens to one vector of the text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

PoolingName = Literal["mean", "cls", "last4"]

Hidden = Sequence[Tensor]
"""The vectors [N, T, width] after the embedding layer and after each layer of an encoder, the last one's last."""


class Pooling(NamedTuple):
    """One way to an embedding."""

    description: str
    layers: int
    """How many of the last layers it takes; the embedding is as many times as wide as one."""

    pool: Callable[[Hidden, Tensor], Tensor]
    """From the hidden vectors and the mask [N, T], 1 for tokens and 0 for padding, to the embedding [N, D]."""


def masked_mean(vectors: Tensor, mask: Tensor) -> Tensor:
    """Return the mean [N, width] of each text's own vectors [N, T, width], padding left out."""
    weights = mask.unsqueeze(-1).to(vectors.dtype)
    return (vectors * weights).sum(1) / weights.sum(1)


def _mean(hidden: Hidden, mask: Tensor) -> Tensor:
    return torch.nn.functional.normalize(masked_mean(hidden[-1], mask), dim=1)


def _first(hidden: Hidden, _: Tensor) -> Tensor:
    return torch.nn.functional.normalize(hidden[-1][:, 0], dim=1)


def _last4(hidden: Hidden, mask: Tensor) -> Tensor:
    return torch.cat([masked_mean(vectors, mask) for vectors in hidden[-4:]], dim=1)


POOLINGS: Mapping[PoolingName, Pooling] = {
    "mean": Pooling("mean of the last layer, unit length", 1, _mean),
    "cls": Pooling("first token of the last layer, unit length", 1, _first),
    "last4": Pooling("means of the last four layers side by side", 4, _last4),
}
"""Sentence encoders are trained for the angle between embeddings of unit length, so `mean` and `cls` have it. `last4`
keeps its layers' own lengths: each dimension is standardised before the network anyhow."""
