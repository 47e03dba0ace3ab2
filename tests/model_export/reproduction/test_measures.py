import numpy as np
import pytest
import torch

from model_export.errors import DataError
from model_export.reproduction import measures
from model_export.reproduction.measures import jacobian_norms, measure
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.stack import Part


@pytest.mark.parametrize("ordinal", [False, True])
def test_what_is_measured_is_what_autograd_and_counting_find(ordinal: bool) -> None:
    torch.manual_seed(0)
    network = Recipe((5,), ordinal=ordinal).build(3, 4)
    rows, labels = torch.randn(50, 3), torch.randint(0, 4, (50,))
    found = {record.metric: record for record in measure("it", network, Part(rows, labels), ordinal=ordinal, seed=7)}

    def outputs(row: torch.Tensor) -> torch.Tensor:
        # Of levels there is one number to differentiate: what all thresholds are taken from.
        found: torch.Tensor = network(row.unsqueeze(0))[0, : 1 if ordinal else 4]
        return found

    norms = torch.stack([torch.autograd.functional.jacobian(outputs, row).norm() for row in rows])  # type: ignore[no-untyped-call]
    assert found["tail ratio"].value == pytest.approx(float(torch.quantile(norms, 0.99) / norms.mean()), rel=1e-5)
    assert found["mean gradient norm"].value == pytest.approx(norms.mean().item(), rel=1e-5)
    answers = (network(rows) > 0).sum(1) if ordinal else network(rows).argmax(1)
    assert found["accuracy"].value == pytest.approx((answers == labels).float().mean().item())
    assert found["accuracy"].seed == 7
    assert found["accuracy"].parameters == (3 * 5 + 5 + 4 * 5) + (5 + 1 + 2 if ordinal else 4 * 5 + 4)
    assert ("mean absolute error" in found) == ordinal
    if ordinal:
        assert found["mean absolute error"].value == pytest.approx((answers - labels).abs().float().mean().item())
        above = torch.sigmoid(network(rows)).detach().numpy()
        cumulative = np.column_stack([np.ones(50), above, np.zeros(50)])
        chances = cumulative[np.arange(50), labels] - cumulative[np.arange(50), labels + 1]
        assert found["log loss"].value == pytest.approx(-np.log(chances).mean(), rel=1e-4)


def test_norms_are_the_same_however_many_rows_are_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network, rows = Recipe((5,)).build(3, 4), torch.randn(10, 3)
    expected = jacobian_norms(network, rows).detach()
    monkeypatch.setattr(measures, "_CELLS", 3 * 4 * 3)
    torch.testing.assert_close(jacobian_norms(network, rows).detach(), expected)


def test_a_network_that_answers_with_no_numbers_is_refused() -> None:
    network = Recipe((5,)).build(3, 2)
    with torch.no_grad():
        network.head.weight.fill_(float("nan"))
    with pytest.raises(DataError, match="it does not answer with finite numbers"):
        measure("it", network, Part(torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)), seed=3)
