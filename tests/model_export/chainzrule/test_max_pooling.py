import pytest
import torch
from torch.nn.functional import avg_pool2d, max_pool2d

from model_export.chainzrule import AverageWindows, Layer, MaxPool, Windows

WINDOWS = [
    Windows((6, 6), (2, 2), (2, 2)),
    Windows((7, 5), (2, 2), (2, 2)),
    Windows((8, 9), (3, 3), (2, 2), (1, 1)),
    Windows((8, 9), (3, 2), (1, 3), (1, 0), (2, 1)),
]


@pytest.mark.parametrize("windows", WINDOWS, ids=str)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_max_pool_and_its_way_back_are_torchs_the_first_of_equals_included(
    windows: Windows, tied: bool, rows: int
) -> None:
    torch.manual_seed(0)
    x = torch.randn(rows, 3, *windows.size, dtype=torch.float64)
    x = (x.round() if tied else x).requires_grad_()
    value, record = (layer := MaxPool(3, windows).double())(x)
    expected = max_pool2d(x, windows.kernel, windows.stride, windows.padding, windows.dilation)
    torch.testing.assert_close(value, expected, rtol=0, atol=0)
    cotangent = torch.randn_like(expected)
    (gradient,) = torch.autograd.grad(expected, x, cotangent)
    torch.testing.assert_close(layer.pullback(cotangent, record), gradient)


@pytest.mark.parametrize("windows", WINDOWS[:3], ids=str)
def test_average_windows_and_their_way_back_are_torchs(windows: Windows) -> None:
    x = torch.randn(5, 2, *windows.size, dtype=torch.float64, requires_grad=True)
    layer: Layer = AverageWindows(2, windows).double()
    value, record = layer(x)
    expected = avg_pool2d(x, windows.kernel, windows.stride, windows.padding)
    torch.testing.assert_close(value, expected)
    cotangent = torch.randn_like(expected)
    (gradient,) = torch.autograd.grad(expected, x, cotangent)
    torch.testing.assert_close(layer.pullback(cotangent, record), gradient)


def test_windows_know_their_places_and_what_lies_behind_the_last() -> None:
    windows = Windows((8, 9), (3, 2), (1, 3), (1, 0), (2, 1))
    assert windows.extent == (5, 2)
    assert windows.places == (6, 3)
    assert windows.rest == (0, 1)
    assert str(windows) == "3×2, stride 1×3, dilation 2×1"
