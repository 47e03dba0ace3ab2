"""A converted network against the module it was, in value and in derivative."""

from copy import deepcopy

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from model_export.chainzrule import ActivationLayer, Network, Polynomial, Relu, reverse_jacobian
from model_export.conversion import convert
from model_export.errors import ConversionError
from model_export.graph.folding import folded
from model_export.graph.onnx_writer import to_onnx
from tests.model_export.conversion.ordinary import ORDINARY, ordinary

NAMES = list(ORDINARY)


class Walked(nn.Module):
    """The logits and the gradient of the first one less the second."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        trace = self.network.trace(x)
        cotangent = torch.zeros_like(trace.logits)
        cotangent[:, 0], cotangent[:, 1] = 1.0, -1.0
        return trace.logits, self.network.pullback(trace.records, cotangent)


@pytest.mark.parametrize("name", NAMES)
def test_with_its_own_activations_it_is_the_module_in_value_and_jacobian(name: str) -> None:
    module, shape = ordinary(name)
    network = convert(module, torch.randn(2, *shape), keep_activations=True).network.double()
    module = module.double()
    x = torch.randn(7, *shape, dtype=torch.float64)
    trace = network.trace(x)
    torch.testing.assert_close(trace.logits, module(x))
    # Gradients are taken through copies: an activation in place must not change what was recorded.
    expected = torch.stack(
        [torch.autograd.functional.jacobian(lambda row: module(row[None])[0], row) for row in x]  # type: ignore[no-untyped-call]
    )
    torch.testing.assert_close(reverse_jacobian(network, trace), expected)


@pytest.mark.parametrize("name", NAMES)
def test_of_cubics_the_jacobian_is_autograds_and_the_finite_difference(name: str) -> None:
    module, shape = ordinary(name)
    network = convert(module, torch.randn(300, *shape)).network.double()
    x, direction = torch.randn(2, 7, *shape, dtype=torch.float64)
    found = reverse_jacobian(network, network.trace(x))
    jacobian = torch.func.vmap(torch.func.jacrev(lambda row: network(row[None])[0]))(x)
    torch.testing.assert_close(found, jacobian)
    step = 3e-7
    rise = (network(x + step * direction) - network(x - step * direction)) / (2 * step)
    along = torch.einsum("nk...,n...->nk", found.flatten(2), direction.flatten(1))
    torch.testing.assert_close(along, rise, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_onnxruntime_has_the_same_values_and_derivatives_for_any_number_of_rows(name: str) -> None:
    module, shape = ordinary(name)
    network = folded(convert(module, torch.randn(300, *shape)).network)
    walked = Walked(deepcopy(network).float())
    graph = to_onnx(walked, {"x": torch.zeros(3, *shape)}, ("rows",), ("logits", "gradient"))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for rows in (0, 1, 7, 300):
        x = torch.randn(rows, *shape, dtype=torch.float64)
        for found, wanted in zip(session.run(None, {"x": x.float().numpy()}), Walked(network)(x), strict=True):
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_cubics_come_near_the_module_and_say_how_near(name: str) -> None:
    module, shape = ordinary(name)
    rows = torch.randn(500, *shape)
    conversion = convert(module, rows)
    x = torch.randn(500, *shape)
    with torch.no_grad():
        expected, found = module(x), conversion.network(x)
    left = (found - expected).square().mean() / (expected - expected.mean(0)).square().mean()
    assert left < 0.2
    assert all(0 < fit.error < 0.4 for fit in conversion.fits)
    assert all(fit.lowest < fit.highest for fit in conversion.fits)
    assert len(str(conversion).splitlines()) == len(conversion.fits) + 1


def test_the_module_is_left_as_it_is_and_the_generator_too() -> None:
    module, shape = ordinary("residual")
    rows = torch.randn(100, *shape)
    module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    convert(module, rows)
    assert torch.equal(torch.get_rng_state(), state)
    assert module.training
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_layers_are_those_one_would_write() -> None:
    module, shape = ordinary("residual")
    network = convert(module, torch.randn(100, *shape)).network
    assert network.words == (
        "convolution 3×3, 2 → 4",
        "max pool 3×3, stride 2×2",
        "residual (convolution 3×3, 4 → 4, convolution 3×3, 4 → 4)",
        "relu",
        "residual (convolution 3×3, stride 2×2, 4 → 8, convolution 3×3, 8 → 8; around it convolution 1×1, stride 2×2, "
        "4 → 8)",
        "relu",
        "global average pool",
        "linear 8 → 3",
    )
    assert not any(isinstance(part, Relu) for part in network.modules())
    # One cubic a channel, and each of its own.
    (curve,) = (part for part in network.layers[3].modules() if isinstance(part, Polynomial))
    assert curve.coefficients.shape == (4, 4)
    assert curve.coefficients.std(1).min() > 0


def test_the_paths_of_activations_are_the_modules() -> None:
    module, shape = ordinary("residual")
    fits = convert(module, torch.randn(100, *shape)).fits
    assert [fit.path for fit in fits] == [
        "stem.2 (ReLU)",
        "blocks.0.relu (ReLU)",
        "blocks.0.relu (ReLU)",
        "blocks.1.relu (ReLU)",
        "blocks.1.relu (ReLU)",
    ]
    module, shape = ordinary("functional")
    fits = convert(module, torch.randn(100, *shape)).fits
    assert [(fit.path, fit.name) for fit in fits] == [
        ("the network itself (silu)", "silu"),
        ("the network itself (relu)", "relu"),
        ("the network itself (gelu)", "gelu"),
        ("the network itself (tanh)", "tanh"),
    ]


@pytest.mark.parametrize(
    "activation",
    [nn.Sigmoid(), nn.ReLU6(), nn.LeakyReLU(0.2), nn.PReLU(6), nn.ELU(), nn.Softplus(), nn.GELU("tanh"), nn.Mish()],
    ids=lambda module: type(module).__name__,
)
def test_other_activations_are_fitted_too_and_refused_where_they_are_to_be_kept(activation: nn.Module) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), activation, nn.Linear(6, 2))
    rows = torch.randn(400, 4)
    (fit,) = convert(module, rows).fits
    assert fit.error < 0.2
    with pytest.raises(ConversionError, match=r"1 \(\w+\): .* cannot be kept"):
        convert(module, rows, keep_activations=True)


def test_a_neuron_that_never_moves_does_no_harm() -> None:
    first = nn.Linear(3, 4)
    with torch.no_grad():
        first.weight[0] = 0
        first.bias[0] = 1.5
    network = convert(nn.Sequential(first, nn.ReLU(), nn.Linear(4, 2)), torch.randn(200, 3)).network
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())
    layer = network.layers[0]
    assert not isinstance(layer, ActivationLayer)
    value, _ = layer(torch.randn(5, 3))
    torch.testing.assert_close(value[:, 0], torch.full((5,), 1.5))
