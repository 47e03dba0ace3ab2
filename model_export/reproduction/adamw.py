"""AdamW for many networks at once, each at its own rate."""

import torch
from torch import Tensor

_DECAY = (0.9, 0.999)
_SMALL = 1e-8
_LARGEST_GRADIENT = 1.0


class StackedAdamW:
    """Decoupled weight decay (Loshchilov and Hutter, 2019) of parameters [S, …] of S networks, as torch's AdamW does.

    Each network has its own learning rate and weight decay, its gradient is clipped by its own norm, and a step can
    leave networks out.

    Args:
        parameters: [S, …] each; changed in place.
        learning_rate: [S].
        weight_decay: [S].
    """

    def __init__(self, parameters: dict[str, Tensor], learning_rate: Tensor, weight_decay: Tensor) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.second = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.steps = torch.zeros_like(learning_rate)

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor], active: Tensor) -> Tensor:
        """Take a step by `gradients` [S, …] with the networks of the mask `active` [S]; return their norms [S]."""
        norms = torch.stack([g.flatten(1).square().sum(1) for g in gradients.values()]).sum(0).sqrt()
        scale = (_LARGEST_GRADIENT / (norms + 1e-6)).clamp(max=1.0)
        self.steps += active
        all_active = bool(active.all())
        fast, slow = _DECAY
        first_correction = 1 - fast**self.steps
        second_correction = (1 - slow**self.steps).sqrt()
        for name, parameter in self.parameters.items():
            across = (-1, *[1] * (parameter.dim() - 1))
            gradient = gradients[name] * scale.view(across)
            first = torch.lerp(gradient, self.first[name], fast)
            second = torch.lerp(gradient.square(), self.second[name], slow)
            denominator = second.sqrt() / second_correction.view(across) + _SMALL
            rate = (self.learning_rate / first_correction).view(across)
            updated = parameter * (1 - self.learning_rate * self.weight_decay).view(across) - rate * first / denominator
            if not all_active:
                chosen = active.view(across)
                first, second, updated = (
                    torch.where(chosen, new, old)
                    for new, old in ((first, self.first[name]), (second, self.second[name]), (updated, parameter))
                )
            self.first[name], self.second[name] = first, second
            parameter.copy_(updated)
        return norms

    def keep(self, chosen: Tensor) -> None:
        """Go on with the networks of these indices alone; `parameters` are new tensors then."""
        self.parameters, self.first, self.second = (
            {name: tensor[chosen] for name, tensor in state.items()}
            for state in (self.parameters, self.first, self.second)
        )
        self.learning_rate, self.weight_decay, self.steps = (
            tensor[chosen] for tensor in (self.learning_rate, self.weight_decay, self.steps)
        )
