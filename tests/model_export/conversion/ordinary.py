"""Networks as anyone would write them with torch, none of them the library's."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """A residual block with one shared ReLU, in place, and a shortcut with weights where the shape changes."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if before != after or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        logits: Tensor = self.relu(out)
        return logits


class ResidualNetwork(nn.Module):
    """A stem with a maximum, blocks, a mean over the image, dropout, a linear layer."""

    def __init__(self, channels: int = 2, width: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        self.blocks = nn.Sequential(Block(width, width), Block(width, 2 * width, 2))
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(2 * width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.blocks(self.stem(x)))
        x = functional.dropout(torch.flatten(x, 1), 0.5, self.training)
        logits: Tensor = self.fc(x)
        return logits


class Functional(nn.Module):
    """Functional calls, methods and pre-activation, as in older code; an addition within an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding="same", dilation=2)
        self.second = nn.Conv2d(4, 4, (3, 1), padding=(1, 0), groups=4)
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.Linear(4 * 4 * 4, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.silu(self.first(x)), 2)
        inner = x + functional.gelu(self.second(functional.relu(self.norm(x))))
        x = torch.add(x, inner.tanh())
        logits: Tensor = self.last(x.contiguous().view(x.size(0), -1))
        return logits


def dense() -> nn.Module:
    return nn.Sequential(
        nn.BatchNorm1d(5),
        nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.GELU(), nn.Dropout(0.2)),
        nn.Linear(8, 6),
        nn.BatchNorm1d(6),
        nn.Tanh(),
        nn.Linear(6, 4),
        nn.SiLU(),
        nn.Linear(4, 3),
    )


def averaging() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2),
        nn.SiLU(),
        nn.AvgPool2d(2, stride=1, padding=1),
        nn.LayerNorm((3, 4, 4)),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d((1, 2)),
        nn.Flatten(),
        nn.Linear(6, 4),
        nn.ReLU(),
        nn.Linear(4, 2),
    )


ORDINARY: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "residual": (ResidualNetwork, (2, 8, 8)),
    "functional": (Functional, (2, 8, 8)),
    "dense": (dense, (5,)),
    "averaging": (averaging, (2, 8, 8)),
}


def ordinary(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A network whose running statistics are those of 500 rows of noise, and the shape of a row."""
    make, shape = ORDINARY[name]
    torch.manual_seed(0)
    module = make()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.3)
    module.train()
    with torch.no_grad():
        for _ in range(20):
            module(torch.randn(500, *shape))
    return module.eval(), shape
