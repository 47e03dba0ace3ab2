import torch

from model_export.chainzrule import CumulativeHead, level_log_likelihoods


def test_thresholds_rise_whatever_the_parameters() -> None:
    head = CumulativeHead(3, 6)
    torch.nn.init.normal_(head.steps, std=5.0)
    assert (head.thresholds.diff() > 0).all()
    assert len(head.thresholds) == 5


def test_it_starts_with_thresholds_a_unit_apart_around_nothing() -> None:
    torch.testing.assert_close(CumulativeHead(3, 5).thresholds, torch.tensor([-1.5, -0.5, 0.5, 1.5]), atol=1e-4, rtol=0)


def test_two_levels_are_a_logistic_regression() -> None:
    head = CumulativeHead(3, 2)
    features = torch.randn(7, 3)
    likelihoods = level_log_likelihoods(head(features)).exp()
    torch.testing.assert_close(likelihoods[:, 1], torch.sigmoid(head(features)[:, 0]))


def test_likelihoods_are_the_differences_of_the_cumulative_ones() -> None:
    logits = torch.randn(50, 1, dtype=torch.float64) - torch.tensor([-2.0, -0.5, 0.1, 3.0], dtype=torch.float64)
    above = torch.cat([torch.ones(50, 1), torch.sigmoid(logits), torch.zeros(50, 1)], 1)
    expected = (above[:, :-1] - above[:, 1:]).double()
    torch.testing.assert_close(level_log_likelihoods(logits).exp(), expected)
    torch.testing.assert_close(expected.sum(1), torch.ones(50, dtype=torch.float64))


def test_a_level_that_is_all_but_impossible_has_a_finite_log_likelihood_and_gradient() -> None:
    logits = (torch.tensor([[200.0]]) - torch.tensor([0.0, 1.0, 2.0])).requires_grad_()
    likelihoods = level_log_likelihoods(logits)
    assert likelihoods[0, 0].item() == -200
    likelihoods.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
