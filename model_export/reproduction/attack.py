"""Images changed as little as can be seen, so that a network errs."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

STEPS = 10


def attack(
    logits: Callable[[Tensor], Tensor],
    pixels: Tensor,
    labels: Tensor,
    epsilon: float,
    generator: torch.Generator,
    steps: int = STEPS,
) -> Tensor:
    """Return pixels [N, n_0] near the given ones, at which the loss is larger: projected gradient ascent in L∞.

    It starts anywhere in the ball by chance, and each step goes 2.5·ε/steps along the sign of the gradient (Madry,
    Makelov, Schmidt, Tsipras and Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018).

    Args:
        logits: of pixels, [N, K], differentiable; each row's are of that row alone.
        pixels: from 0 to 1, [N, n_0], as the result's are.
        labels: [N].
        epsilon: the most by which a pixel may change.
        generator: draws the start.
        steps: how many.
    """
    lowest, highest = (pixels - epsilon).clamp(min=0), (pixels + epsilon).clamp(max=1)
    start = epsilon * (2 * torch.rand(pixels.shape, generator=generator) - 1)
    changed = torch.clamp(pixels + start, lowest, highest)
    for _ in range(steps):
        changed.requires_grad_(True)
        loss = cross_entropy(logits(changed), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, changed)
        changed = torch.clamp(changed.detach() + 2.5 * epsilon / steps * gradient.sign(), lowest, highest)
    return changed
