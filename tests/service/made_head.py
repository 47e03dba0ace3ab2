"""What the made-up models of texts and of images have in common: two dense layers and their signals."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Draw = Callable[..., Tensor]


class MadeHead(nn.Module):
    """Every output but calibrated: typicality is 1 / (1 + mean square), reliability the largest probability.

    Args:
        width: of the standardised rows.
        classes: K.
        draw: makes weights of a shape.
    """

    def __init__(self, width: int, classes: int, draw: Draw) -> None:
        super().__init__()
        self.hidden = nn.Parameter(draw(width, 8), requires_grad=False)
        self.head = nn.Parameter(draw(8, classes), requires_grad=False)

    def forward(self, standard: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs in the manifest's order for rows [N, width]; sensitivity is [N, width]."""
        hidden = torch.tanh(standard @ self.hidden)
        logits = hidden @ self.head
        best = logits.topk(2, dim=1)
        label, runner_up = best.indices[:, 0], best.indices[:, 1]
        margin = self.head.T[label] - self.head.T[runner_up]
        sensitivity = (margin * (1 - hidden**2)) @ self.hidden.T
        norm = sensitivity.norm(dim=1)
        probabilities = torch.softmax(logits, dim=1)
        return (
            label,
            probabilities,
            norm,
            norm / 3,
            (best.values[:, 0] - best.values[:, 1]) / norm.clamp(min=1e-6),
            1 / (1 + (standard**2).mean(1)),
            probabilities.amax(1),
            sensitivity,
        )
