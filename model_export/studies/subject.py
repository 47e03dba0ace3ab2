"""A trained network under study, and everything about a row that a confidence may be made of."""

from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.chainzrule import ChainzRuleLayer
from model_export.graph.scorer import Scorer, Scores

Floats = NDArray[np.float64]


class View(NamedTuple):
    """What the network makes of rows, [N, …] each."""

    inputs: Tensor
    """standardised"""
    preactivations: tuple[Tensor, ...]
    """z_1 … z_{L-1}"""
    features: Tensor
    """h_{L-1}, what the head sees"""
    logits: Tensor
    layer_inputs: tuple[Tensor, ...]
    """h_0 … h_{L-1}"""
    derivatives: tuple[Tensor, ...]
    scores: Scores[Tensor]
    """what the exported graph answers"""


class Subject:
    """A calibrated scorer (float64) with its training rows.

    Args:
        scorer: the network and its signals.
        training: raw training rows [N, n_0].
        labels: their class indices [N].
        members: further networks of the same kind, fitted to the same rows: with the first an ensemble.
    """

    def __init__(
        self, scorer: Scorer, training: Floats, labels: NDArray[np.int64], members: tuple[Scorer, ...] = ()
    ) -> None:
        self.scorer = scorer
        self.labels = torch.from_numpy(labels)
        self.members = members
        self._training = training

    @cached_property
    def training(self) -> View:
        """The network's view of its training rows."""
        return self.view(self._training)

    @torch.no_grad()
    def view(self, rows: Floats) -> View:
        """Return everything the network makes of raw rows [N, n_0]."""
        scorer = self.scorer
        standard = scorer.standardiser(torch.from_numpy(rows))
        hidden, inputs, preactivations, derivatives = standard, [standard], [], []
        for layer in scorer.network.hidden:
            preactivations.append(cast("ChainzRuleLayer", layer).linear(hidden))
            hidden, derivative = layer(hidden)
            inputs.append(hidden)
            derivatives.append(derivative)
        return View(
            inputs=standard,
            preactivations=tuple(preactivations),
            features=hidden,
            logits=scorer.network.head(hidden),
            layer_inputs=tuple(inputs),
            derivatives=tuple(derivatives),
            scores=scorer(torch.from_numpy(rows)),
        )

    @torch.no_grad()
    def ensemble(self, rows: Floats) -> Tensor:
        """Return the mean probabilities [N, K] of this network and the other members."""
        every = [member(torch.from_numpy(rows)).probabilities for member in (self.scorer, *self.members)]
        return torch.stack(every).mean(0)
