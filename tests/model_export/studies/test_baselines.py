"""Each confidence against its definition, by autograd or spelt out."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from model_export.chainzrule import ChainzRuleLayer, ChainzRuleNetwork
from model_export.graph.calibration import Calibration
from model_export.reliability import Signature
from model_export.studies.baselines import (
    NEIGHBOURS,
    geometry_confidences,
    logit_confidences,
    parameter_gradient_norm,
    signature_confidences,
)
from model_export.studies.subject import Subject, View
from tests.conftest import codes_of, make_table


@pytest.fixture
def subject(calibration: Calibration, table: tuple[pd.DataFrame, "pd.Series[str]"]) -> Subject:
    return Subject(calibration.scorer, table[0].to_numpy(copy=True), codes_of(table[1]))


@pytest.fixture
def view(subject: Subject) -> View:
    return subject.view(make_table(40, seed=7)[0].to_numpy(copy=True))


def test_a_view_is_what_the_scorer_sees(subject: Subject, view: View) -> None:
    network = subject.scorer.network
    torch.testing.assert_close(view.logits, network(view.inputs))
    for layer, preactivation, before in zip(network.hidden, view.preactivations, view.layer_inputs[:-1], strict=True):
        assert isinstance(layer, ChainzRuleLayer)
        torch.testing.assert_close(layer.linear(before), preactivation)
    torch.testing.assert_close(network.head(view.features), view.logits)
    torch.testing.assert_close(view.layer_inputs[0], view.inputs)
    torch.testing.assert_close(view.layer_inputs[-1], view.features)


def test_gran_is_the_norm_of_the_losss_gradient_by_every_weight(subject: Subject, view: View) -> None:
    network = subject.scorer.network
    assert isinstance(network, ChainzRuleNetwork)
    parameters = {name: value.detach() for name, value in network.named_parameters() if name.endswith("weight")}

    def loss(weights: dict[str, torch.Tensor], row: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        logits = torch.func.functional_call(network, weights, (row[None],))
        return torch.nn.functional.cross_entropy(logits, label[None])

    gradients = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(parameters, view.inputs, view.logits.argmax(1))
    total = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients.values()]).sum(0)
    torch.testing.assert_close(parameter_gradient_norm(network, view), total.sqrt())


def test_logit_confidences_are_their_formulas(subject: Subject, view: View) -> None:
    found = {name: function(view) for name, function in logit_confidences(subject).items()}
    probabilities = torch.softmax(view.logits / subject.scorer.temperature, 1)
    torch.testing.assert_close(found["msp"], probabilities.amax(1))
    torch.testing.assert_close(found["entropy"], (probabilities * probabilities.log()).sum(1))
    torch.testing.assert_close(found["energy"], view.logits.exp().sum(1).log())
    torch.testing.assert_close(found["gen"], -((probabilities * (1 - probabilities)) ** 0.1).sum(1))


def test_distances_grow_away_from_the_training_rows(subject: Subject) -> None:
    near = subject.view(make_table(40, seed=7)[0].to_numpy(copy=True))
    far = subject.view(4 * make_table(40, seed=7)[0].to_numpy(copy=True))
    confidences = geometry_confidences(subject)
    for name in ("mahalanobis_inputs", "mahalanobis_preactivations", "knn_inputs"):
        assert confidences[name](far).mean() < confidences[name](near).mean() - 1, name


def test_the_tenth_neighbour_is_the_tenth(subject: Subject, view: View) -> None:
    index = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(subject.training.inputs)
    expected = -index.kneighbors(view.inputs)[0][:, NEIGHBOURS - 1]
    found = geometry_confidences(subject)["knn_inputs"](view).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_signature_elsewhere_is_the_signature(subject: Subject, view: View) -> None:
    found = signature_confidences(subject)
    assert set(found) == {"signature_preactivations", "signature_activations", "signature_inputs"}
    training = subject.training
    expected = Signature.fit(training.preactivations, training.logits.argmax(1).numpy())(view.preactivations)
    torch.testing.assert_close(-found["signature_preactivations"](view), expected)
    orders = {name: tuple(function(view).argsort().tolist()) for name, function in found.items()}
    orders["typicality"] = tuple((-subject.scorer.signature(view.derivatives)).argsort().tolist())
    assert len(set(orders.values())) == 4
