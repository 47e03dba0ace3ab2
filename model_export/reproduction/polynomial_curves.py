"""Learned polynomials as records, before training and after, so that a figure can be drawn of kept runs."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import pandas as pd
import torch

from model_export.chainzrule.layer import ChainzRuleLayer
from model_export.chainzrule.network import Network
from model_export.reproduction.measures import parameter_count
from model_export.reproduction.records import Record

BEFORE, AFTER = "polynomial before", "polynomial after"

_NEURONS = 12
"""Of each layer, evenly taken."""

_Z = torch.linspace(-3, 3, 25)
"""Where a polynomial is looked at: most of what a layer of standardised rows comes to."""


@torch.no_grad()
def polynomial_records(contender: str, network: Network, start: Network) -> list[Record]:
    """Return φ(z) of some neurons of every layer, as values of `BEFORE` and `AFTER`; `condition` is "layer neuron z".

    Args:
        contender: what records call the network.
        network: of dense layers with polynomials, after training.
        start: the same before it.
    """
    count = parameter_count(network)
    return [
        Record(contender, count, metric, value, condition=f"{layer} {neuron} {z:.2f}")
        for metric, one in ((BEFORE, start), (AFTER, network))
        for layer, neuron, z, value in _points(one)
    ]


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the records of polynomials with their `condition` as columns: layer and neuron from 0, and z."""
    part = frame[frame["metric"].isin([BEFORE, AFTER])]
    where = part["condition"].str.split(" ", expand=True).reindex(columns=range(3))
    return part.assign(layer=where[0].astype(int), neuron=where[1].astype(int), z=where[2].astype(float))


def _points(network: Network) -> Iterator[tuple[int, int, float, float]]:
    for index, layer in enumerate(cast("tuple[ChainzRuleLayer, ...]", network.layers)):
        values, _ = layer.activation(_Z.unsqueeze(1).expand(-1, layer.linear.out_features))
        neurons = np.unique(np.linspace(0, values.shape[1] - 1, _NEURONS).round().astype(int)).tolist()
        for neuron in neurons:
            for z, value in zip(_Z.tolist(), values[:, neuron].tolist(), strict=True):
                yield index, neuron, z, value
