import torch

from model_export.chainzrule import Bounded, Polynomial


def bounded() -> Bounded:
    return Bounded(Polynomial(2), 3.0).double()


def test_within_the_limit_it_is_the_activation_itself() -> None:
    z = torch.linspace(-3, 3, 50, dtype=torch.float64).unsqueeze(1).expand(-1, 2)
    activation = bounded()
    torch.testing.assert_close(activation(z), activation.activation(z))


def test_beyond_the_limit_it_goes_on_along_its_tangent() -> None:
    activation = bounded()
    edge = torch.full((1, 2), 3.0, dtype=torch.float64)
    value, slope = activation(edge)
    beyond, same = activation(edge + 100)
    torch.testing.assert_close(beyond, value + 100 * slope)
    torch.testing.assert_close(same, slope)


def test_the_derivative_is_the_values_own_everywhere() -> None:
    z = torch.linspace(-6, 6, 40, dtype=torch.float64).unsqueeze(1).repeat(1, 2).requires_grad_()
    value, derivative = bounded()(z)
    torch.testing.assert_close(torch.autograd.grad(value.sum(), z)[0], derivative)
