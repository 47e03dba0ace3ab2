"""Training a converted network on, with DREG."""

from copy import deepcopy
from math import isfinite
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from model_export.chainzrule import Network, dreg_penalty
from model_export.errors import DataError
from model_export.export import Labelled
from model_export.training.augmentation import Augmentation
from model_export.training.schedule import Schedule
from model_export.training.standardiser import InputStandardiser

_LARGEST_GRADIENT = 1.0
"""A step's gradient is shortened to this norm."""

_EVALUATION_ROWS = 500
"""Rows that are evaluated at once."""


class FineTuned(NamedTuple):
    """A network, and how it was trained on."""

    network: Network
    """of the epoch with the lowest validation loss, which may be 0; float32, on the CPU, not to be trained on"""

    training_rows: int
    validation_rows: int
    epochs: int
    """that were trained"""
    best: int
    """the epoch that the network is of; 0 is the network as it was given"""


def fine_tune(
    network: Network,
    standardiser: InputStandardiser,
    training: Labelled,
    *,
    epochs: int = 5,
    learning_rate: float = 1e-3,
    dreg: Schedule = Schedule(1e-6),  # noqa: B008 - cannot be changed
    augmentation: Augmentation | None = None,
    batch_size: int = 64,
    validation_share: float = 0.1,
    seed: int = 0,
) -> FineTuned:
    """Return a network trained on to tell classes apart, cross entropy and DREG together.

    AdamW, its rate rising and falling once. Part of the rows chooses the epoch, the start among them: the loss on them
    is no larger afterwards than before. The same seed on the same machine gives the same network.

    Args:
        network: with a linear head; left as it is.
        standardiser: from raw rows to what the network takes.
        training: raw rows.
        epochs: passes over them.
        learning_rate: the highest one.
        dreg: DREG's λ over training. ‖J_l‖²_F sums over an image's places: the larger the image, the smaller λ.
        augmentation: what happens to images; None leaves rows as they are.
        batch_size: rows a step.
        validation_share: of the rows, held out, stratified.
        seed: of the split, the order of the rows and the augmentation.

    Raises:
        DataError: if no rows can be held out, or training diverges.
    """
    rows, codes = torch.from_numpy(training.rows), torch.from_numpy(training.codes)
    learnt, held_out = _split(training.codes, validation_share, seed)
    tuned, prepare = deepcopy(network).requires_grad_(), deepcopy(standardiser).float()
    optimiser = AdamW(_parameters(tuned), lr=learning_rate)
    steps = max(len(learnt) // batch_size, 1)
    rates = OneCycleLR(optimiser, learning_rate, total_steps=epochs * steps)
    generator = torch.Generator().manual_seed(seed)
    best, best_loss, best_network = 0, _loss(tuned, prepare, rows, codes, held_out), deepcopy(tuned)
    for epoch in range(epochs):
        weight = dreg(epoch / max(epochs - 1, 1))
        tuned.train()
        for batch in torch.split(learnt[torch.randperm(len(learnt), generator=generator)], batch_size)[:steps]:
            raw = rows[batch] if augmentation is None else augmentation(rows[batch], generator)
            trace = tuned.trace(prepare(raw))
            loss = cross_entropy(trace.logits, codes[batch])
            if weight:
                loss = loss + weight * dreg_penalty(tuned, trace.records)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(tuned.parameters(), _LARGEST_GRADIENT)
            optimiser.step()
            rates.step()
        found = _loss(tuned, prepare, rows, codes, held_out)
        if not isfinite(found):
            raise DataError(f"training diverged in epoch {epoch + 1}: lower the learning rate, or raise DREG's weight")
        if found < best_loss:
            best, best_loss, best_network = epoch + 1, found, deepcopy(tuned)
    return FineTuned(best_network.eval().requires_grad_(False), len(learnt), len(held_out), epochs, best)


def _split(codes: np.ndarray[tuple[int], np.dtype[np.int64]], share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return which rows are trained on, and which choose the epoch."""
    try:
        parts = train_test_split(np.arange(len(codes)), test_size=share, stratify=codes, random_state=seed)
    except ValueError as error:
        raise DataError(f"no {100 * share:g} % of the {len(codes)} rows can be held out: {error}") from error
    learnt, held_out = map(torch.from_numpy, parts)
    return learnt, held_out


@torch.no_grad()
def _loss(network: Network, prepare: InputStandardiser, rows: Tensor, codes: Tensor, of: Tensor) -> float:
    network.eval()
    logits = torch.cat([network(prepare(rows[part])) for part in torch.split(of, _EVALUATION_ROWS)])
    return cross_entropy(logits, codes[of]).item()


def _parameters(network: Network) -> list[dict[str, object]]:
    """Return the parameters in two groups: weights, which shall decay, and all others."""
    weights = [m.weight for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    known = set(map(id, weights))
    others = [p for p in network.parameters() if id(p) not in known]
    return [{"params": weights, "weight_decay": 1e-2}, {"params": others, "weight_decay": 0.0}]
