"""What is measured of a trained network on test rows."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from model_export.chainzrule import Network, jacobian_norm, reverse_jacobian, tail_ratio
from model_export.errors import DataError
from model_export.reproduction.records import Record
from model_export.reproduction.stack import Part, losses

_CELLS = 2**24
"""Numbers of Jacobians held at once."""


@torch.no_grad()
def measure(contender: str, network: Network, test: Part, *, ordinal: bool = False, **where: Any) -> list[Record]:
    """Return accuracy, log loss, τ and the mean ‖J‖ on test rows; of an ordinal network the mean error in levels too.

    An ordinal network predicts the median level, and its Jacobian is that of the number behind the levels.

    Args:
        contender: what records call it.
        network: float32.
        test: rows standardised as the training rows were.
        ordinal: whether its outputs are levels.
        where: seed, fold, fraction and condition of the records.

    Raises:
        DataError: if the network answers with something that is no number.
    """
    logits = network(test.rows)
    if not torch.isfinite(logits).all():
        raise DataError(f"{contender} does not answer with finite numbers ({where}): its training diverged")
    labels = (logits > 0).sum(1) if ordinal else logits.argmax(1)
    norms = jacobian_norms(network, test.rows)
    values = {
        "accuracy": (labels == test.labels).float().mean().item(),
        "log loss": losses(logits, test.labels, ordinal=ordinal).mean().item(),
        "tail ratio": tail_ratio(norms),
        "mean gradient norm": norms.mean().item(),
    }
    if ordinal:
        values["mean absolute error"] = (labels - test.labels).abs().float().mean().item()
    count = parameter_count(network)
    return [Record(contender, count, metric, value, **where) for metric, value in values.items()]


def parameter_count(*parts: nn.Module) -> int:
    """Return how many trained numbers networks have together, coefficients of polynomials included."""
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


def jacobian_norms(network: Network, rows: Tensor) -> Tensor:
    """Return ‖J(x)‖_F [N] of rows [N, n_0], logits by standardised input."""
    return torch.cat(list(_norms(network, rows)))


def _norms(network: Network, rows: Tensor) -> Iterator[Tensor]:
    at_once = max(1, _CELLS // (rows.shape[1] * len(network.head.weight)))
    for part in torch.split(rows, at_once):
        yield jacobian_norm(reverse_jacobian(network, network.trace(part))).expand(len(part))
