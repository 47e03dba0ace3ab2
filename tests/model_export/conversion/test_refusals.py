"""What cannot be converted is named by its path, with what to do."""

import pytest
import torch
from torch import Tensor, nn

from model_export.conversion import convert
from model_export.errors import ConversionError


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ModuleDict({"attention": nn.GRUCell(8, 8)}))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features[1](self.features[0](x))
        logits: Tensor = self.head(self.features[2]["attention"](x))  # type: ignore[index]
        return logits


class Deciding(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Crossing(nn.Module):
    """Two ways that share a layer behind the fork."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        shared = self.one(x)
        logits: Tensor = self.head(shared + (x + self.two(shared)))
        return logits


class Joining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.cat([x, x], 1))
        return logits


class Shifting(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1


class Two(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


def dense(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), *parts, nn.Linear(4, 2))


def image(*parts: nn.Module, shape: int = 3 * 5 * 5) -> nn.Module:
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(shape, 2))


CASES: dict[str, tuple[nn.Module, tuple[int, ...], str]] = {
    "an unknown module": (Attending(), (4,), r"features\.2\.attention \(GRUCell\) cannot be converted: replace it by"),
    "control flow": (dense(Deciding()), (4,), r"^1 cannot be followed: .*write `if`, loops"),
    "ways that cross": (Crossing(), (4,), r"one \(Linear\) is used by ways that part and do not meet"),
    "side by side": (Joining(), (4,), r"the network itself \(cat\) cannot be converted"),
    "a constant": (dense(Shifting()), (4,), r"^1 \(add\) adds a constant: put it into the bias"),
    "softmax": (nn.Sequential(dense(), nn.Softmax(1)), (4,), r"1 \(Softmax\) .*return its logits"),
    "no head": (nn.Sequential(nn.Linear(4, 4), nn.ReLU()), (4,), r"ends in 1 \(ReLU\): let it end in a Linear"),
    "one number": (nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)), (4,), "returns one number: give it two"),
    "another shape of rows": (dense(), (5,), r"does not take rows of shape \[5\]"),
    "a linear layer on images": (nn.Sequential(nn.Linear(5, 2)), (3, 5, 5), r"0 \(Linear\) cannot be converted"),
    "group normalisation": (image(nn.GroupNorm(1, 3)), (3, 5, 5), r"0 \(GroupNorm\) cannot be converted"),
    "reflections": (
        image(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")),
        (3, 5, 5),
        r"0 \(Conv2d\) cannot be converted",
    ),
    "a mean of uneven parts": (
        image(nn.AdaptiveAvgPool2d(2), shape=12),
        (3, 5, 5),
        r"0 \(AdaptiveAvgPool2d\) makes 2 × 2 of 5 × 5 by rectangles of several sizes",
    ),
    "a ceiling": (image(nn.MaxPool2d(2, ceil_mode=True), shape=27), (3, 5, 5), r"0 \(MaxPool2d\) .* ceil_mode=False"),
    "batch statistics alone": (
        dense(nn.BatchNorm1d(4, track_running_stats=False)),
        (4,),
        r"1 \(BatchNorm1d\) cannot be converted",
    ),
    "part of a row": (image(nn.LayerNorm(5)), (3, 5, 5), r"0 \(LayerNorm\) cannot be converted"),
    "another grouping": (nn.Sequential(nn.Unflatten(1, (2, 2))), (4,), r"0 \(Unflatten\) cannot be converted"),
}


@pytest.mark.parametrize("case", list(CASES))
def test_it_is_named_with_what_to_do(case: str) -> None:
    module, shape, message = CASES[case]
    with pytest.raises(ConversionError, match=message):
        convert(module.eval(), torch.randn(70, *shape))


def test_several_inputs_are_refused() -> None:
    with pytest.raises(ConversionError, match="does not take rows"):
        convert(Two(), torch.randn(70, 4))


def test_too_few_rows_are_refused_unless_nothing_is_fitted() -> None:
    module = dense(nn.ReLU())
    with pytest.raises(ConversionError, match="9 sample rows are too few to fit to: give at least 64"):
        convert(module, torch.randn(9, 4))
    assert convert(module, torch.randn(9, 4), keep_activations=True).fits == ()
