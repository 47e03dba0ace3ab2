import torch

from model_export.chainzrule import ConvolutionalNetwork, Polynomial, Tangents


def test_within_the_bound_nothing_changes() -> None:
    polynomial = Polynomial(4)
    z = torch.rand(30, 4) * 6 - 3
    for found, expected in zip(Tangents(polynomial, 3.0)(z), polynomial(z), strict=True):
        torch.testing.assert_close(found, expected)


def test_beyond_it_is_the_tangent_and_its_derivative_is_the_slope() -> None:
    curve = Tangents(Polynomial(1), 2.0)
    z = torch.tensor([[-5.0], [-2.0], [2.0], [7.0]], requires_grad=True)
    value, derivative = curve(z)
    (gradient,) = torch.autograd.grad(value.sum(), z)
    # φ' = 1 + z + 0.15 z²
    torch.testing.assert_close(derivative.flatten(), torch.tensor([-0.4, -0.4, 3.6, 3.6]))
    torch.testing.assert_close(gradient.flatten()[[0, 3]], derivative.flatten()[[0, 3]])
    torch.testing.assert_close(value[3] - value[2], 5 * derivative[2])


def test_a_deep_network_stays_finite_where_it_was_never_trained() -> None:
    torch.manual_seed(0)
    network = ConvolutionalNetwork((1, 8, 8), (4, 4, 4), 2)
    with torch.no_grad():
        network(torch.randn(64, 1, 8, 8))
        logits = network.eval()(1000 * torch.randn(64, 1, 8, 8))
    assert torch.isfinite(logits).all()
