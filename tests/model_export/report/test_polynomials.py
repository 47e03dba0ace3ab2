"""The curves of convolutions; those of dense layers are in test_measurements.py, from a report."""

import numpy as np
import pytest
import torch

from model_export.chainzrule import ConvolutionalLayer, ConvolutionalNetwork
from model_export.report import polynomials
from model_export.report.polynomials import layer_curves
from model_export.report.subject import Inside


@pytest.fixture
def inside() -> Inside:
    """A network of two stages as it starts, and pictures."""
    torch.manual_seed(0)
    network = ConvolutionalNetwork((3, 8, 8), channels=(4, 6), classes=2).eval().requires_grad_(False)
    return Inside(network, torch.randn(5, 3, 8, 8))


def test_each_channel_of_a_convolution_is_drawn_over_all_its_places(inside: Inside) -> None:
    layers = list(layer_curves(inside))
    assert [(layer.layer, layer.unit, layer.neurons) for layer in layers] == [
        (number, "channel", channels) for number, channels in enumerate([4, 4, 4, 6, 6, 6], 1)
    ]
    first = inside.network.layers[0]
    assert isinstance(first, ConvolutionalLayer)
    z = first.convolution(inside.rows).movedim(1, -1).reshape(-1, 4).double().numpy()  # not normalised by anything yet
    for channel, curve in enumerate(layers[0].curves):
        assert (curve.z[0], curve.z[-1]) == pytest.approx(np.quantile(z[:, channel], [0.01, 0.99]), rel=1e-4)
        # As a polynomial starts, and beyond two deviations its tangents.
        within = np.clip(curve.z, -2, 2)
        value, slope = within + within**2 / 2 + within**3 / 20, 1 + within + 0.15 * within**2
        assert curve.value == pytest.approx(value + slope * (curve.z - within), abs=1e-4)


def test_what_was_looked_at_goes_on_as_before_and_many_places_are_thinned_out(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polynomials, "_MOST_INPUTS", 100)
    thinned = list(layer_curves(inside))
    assert [curve.value.shape for curve in thinned[0].curves] == [(25,)] * 4
    assert not any(module._forward_pre_hooks for module in inside.network.modules())
