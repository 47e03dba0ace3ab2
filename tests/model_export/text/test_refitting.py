import numpy as np
import torch

from model_export.chainzrule import ChainzRuleNetwork
from model_export.text.refitting import refit
from model_export.training.standardiser import Standardiser


def test_logits_stay_and_signals_are_in_deviations_of_the_new_embeddings() -> None:
    generator = np.random.default_rng(0)
    before = generator.normal(size=(200, 6)) * [1, 2, 3, 0.1, 5, 1] + 1
    after = generator.normal(size=(150, 6)) * [2, 1, 0.5, 0.3, 5, 1] - 2
    after[:, 5] = 0.25
    fitted = Standardiser.fit(before)
    old = Standardiser(fitted.mean, fitted.deviation, clamp=float("inf"))
    torch.manual_seed(0)
    network = ChainzRuleNetwork((6, 8, 5, 3)).double()
    standardiser, folded = refit(old, network, after)
    rows = torch.from_numpy(after)
    with torch.no_grad():
        torch.testing.assert_close(folded(standardiser(rows)), network(old(rows)), rtol=1e-12, atol=1e-12)
    standard = standardiser(rows)[:, :5]
    torch.testing.assert_close(standard.mean(0), torch.zeros(5).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(standard.std(0, correction=0), torch.ones(5).double())
    assert network.layers[0] is not folded.layers[0]


def test_the_gradient_by_an_embedding_stays_as_it_was() -> None:
    generator = np.random.default_rng(1)
    before, after = generator.normal(size=(50, 4)), 3 * generator.normal(size=(50, 4)) + 1
    fitted = Standardiser.fit(before)
    old = Standardiser(fitted.mean, fitted.deviation, clamp=float("inf"))
    network = ChainzRuleNetwork((4, 5, 2)).double()
    standardiser, folded = refit(old, network, after)
    gradients = []
    for through, head in ((old, network), (standardiser, folded)):
        rows = torch.from_numpy(after).requires_grad_()
        [gradient] = torch.autograd.grad(head(through(rows))[:, 0].sum(), rows)
        gradients.append(gradient)
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)
