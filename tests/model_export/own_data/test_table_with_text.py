"""A text beside numbers, categories and dates: from a data frame to the graph that is served."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from model_export.errors import DataError
from model_export.graph.calibration import calibrate_network
from model_export.graph.folder_check import check_folder
from model_export.graph.publication import ModelCard
from model_export.own_data import text_column
from model_export.own_data.options import TableOptions
from model_export.own_data.plan import plan_table
from model_export.own_data.training import TrainedTable, train_table
from model_export.report.measurements import measure
from model_export.report.subject import of_table
from model_export.text.encoder import load_encoder
from model_export.text.graph import EncoderGraph
from model_export.training import ChainzRuleOrdinalClassifier, ChainzRuleRegressor
from service.inference.model import Model
from service.inference.tokenizer import END
from service.inputs import TextFeature
from service.manifest import MODEL_FILE
from service.version_folder import read_manifest
from tests.conftest import Exported
from tests.own_table import make_tickets


def test_the_text_is_learned_from_beside_the_others(trained_tickets: TrainedTable) -> None:
    parts, target = trained_tickets.plan.parts, trained_tickets.plan.target
    right = trained_tickets.test_predictions.argmax(1) == target.codes[parts.test]
    # Two thirds are not paid back; without the message the law of these loans allows about 0.75.
    assert right.mean() > 0.8


def test_the_manifest_says_what_the_text_is(tickets: Exported, trained_tickets: TrainedTable) -> None:
    manifest = read_manifest(tickets.folder)
    assert manifest.table == trained_tickets.inputs
    assert manifest.table.names == ("message", "amount", "city", "since")
    message = manifest.table.features[0]
    assert isinstance(message, TextFeature)
    assert message.encoder == "tiny, mean of the last layer, unit length, float32"
    assert (message.dimensions, message.max_tokens, message.shortest, message.longest) == (16, 48, 9, 9)
    assert message.missing_ratio == pytest.approx(0.1, abs=0.03)
    assert message.example.split()[4] in {"good", "bad"}


def test_the_folder_passes_its_own_checks(tickets: Exported) -> None:
    findings = list(check_folder(tickets.folder))
    assert [finding.text for finding in findings if not finding.checked] == [
        "sensitivity could not be checked for message, city, since: categories, dates and texts have no small steps"
    ]
    assert any(finding.text.startswith("sensitivity is the gradient of the margin") for finding in findings)
    assert any(finding.text.startswith("a text is embedded alone as it is among others") for finding in findings)


@pytest.mark.parametrize("count", [0, 1, 7, 180])
def test_the_graph_answers_as_torch_does_with_autograd(
    tickets: Exported, trained_tickets: TrainedTable, tiny_encoder: Path, count: int
) -> None:
    assert trained_tickets.text is not None
    rows = trained_tickets.plan.parts.test[:count]
    features, tokens = trained_tickets.rows[rows, :4], trained_tickets.text.tokens[rows]
    found = run(tickets.folder, features, tokens)
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(found, count)
    if not count:
        return
    probabilities, sensitivity = by_torch(trained_tickets, tiny_encoder, features, tokens)
    temperature = read_manifest(tickets.folder).reference.temperature
    odds = np.log(found["probabilities"][:, 1] / found["probabilities"][:, 0]) * temperature
    np.testing.assert_allclose(odds, probabilities, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found["sensitivity"], sensitivity, rtol=1e-3, atol=1e-4)


def run(folder: Path, features: NDArray[np.float64], tokens: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
    """Return what onnxruntime alone makes of rows, all texts padded to the longest there may be."""
    session = onnxruntime.InferenceSession(folder / MODEL_FILE)
    names = [output.name for output in session.get_outputs()]
    mask = (tokens != END).astype(np.int64)
    inputs = {"features": features.astype(np.float32), "input_ids": tokens.astype(np.int64) * mask}
    return dict(zip(names, session.run(names, inputs | {"attention_mask": mask}), strict=True))


def by_torch(
    trained: TrainedTable, folder: Path, features: NDArray[np.float64], tokens: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logit of class 1 over class 0's, and the margin's gradient by feature, by autograd in float64."""
    mask = torch.from_numpy(tokens != END).long()
    with torch.no_grad():
        embedding = load_encoder(folder, "mean").module.double()(torch.from_numpy(tokens).long() * mask, mask)
    standardiser, network = trained.standardiser.double(), trained.network.double()
    columns = standardiser(torch.cat([torch.from_numpy(features), embedding], 1)).detach().requires_grad_()
    logits = network(columns)
    margin = logits[:, 1] - logits[:, 0]
    margin.abs().sum().backward()
    assert columns.grad is not None
    by_feature = torch.zeros(len(features), 4, dtype=torch.float64)
    by_feature.index_add_(1, standardiser.expansion.owners, columns.grad.square())
    by_feature = by_feature.sqrt()
    by_feature[:, 1] = columns.grad[:, 0]  # the amount, whose sign is kept
    trained.network.float()
    return margin.detach().numpy(), by_feature.numpy()


def test_a_missing_text_stands_at_the_mean_whatever_its_tokens(
    tickets: Exported, trained_tickets: TrainedTable
) -> None:
    assert trained_tickets.text is not None
    rows = trained_tickets.plan.parts.test[:20]
    features, tokens = trained_tickets.rows[rows, :4].copy(), trained_tickets.text.tokens[rows]
    features[:, 0] = np.nan
    found, other = run(tickets.folder, features, tokens), run(tickets.folder, features, tokens[::-1])
    for name, values in found.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)
        assert np.isfinite(values).all()


def test_rows_are_answered_alone_as_they_are_together(tickets: Exported, trained_tickets: TrainedTable) -> None:
    assert trained_tickets.text is not None
    model, rows = Model.load(tickets.folder, threads=1), trained_tickets.plan.parts.test[:60]
    sent = np.append(trained_tickets.rows[rows, :4], trained_tickets.text.tokens[rows], 1).astype(np.float32)
    assert np.isnan(sent[:, 0]).any()
    assert model.units(sent) == len(sent) + np.count_nonzero(sent[:, 4:] != END)
    together = model.score(sent)
    alone = [model.score(sent[row : row + 1]) for row in range(len(sent))]
    for name, values in together.items():
        np.testing.assert_allclose(np.concatenate([one[name] for one in alone]), values, rtol=1e-4, atol=1e-5)


@pytest.fixture
def _encoded_already(tmp_path: Path, tiny_graph: EncoderGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(text_column, "export_encoder", lambda *_: tiny_graph)


@pytest.mark.usefixtures("_encoded_already")
def test_a_quantity_is_learned_alike(tmp_path: Path, tiny_encoder: Path) -> None:
    frame = make_tickets(400, seed=2).dropna(subset="amount").drop(columns="stars")
    estimator = ChainzRuleRegressor((12,), max_epochs=8, batch_size=64)
    trained = train_table(frame, "amount", estimator=estimator, encoder=tiny_encoder)
    folder = trained.export(tmp_path / "models", ModelCard("other", "Of the same tickets", "generated"))
    assert read_manifest(folder).predicted.target == "amount"
    texts = [finding.text for finding in check_folder(folder)]
    assert "values, intervals, norms, typicality and reliability agree with each other and the manifest" in texts


@pytest.mark.usefixtures("_encoded_already")
def test_levels_are_learned_alike(tiny_encoder: Path) -> None:
    frame = make_tickets(400, seed=2).drop(columns="paid")
    estimator = ChainzRuleOrdinalClassifier((12,), max_epochs=8, batch_size=64)
    trained = train_table(
        frame, "stars", options=TableOptions(task="ordinal"), estimator=estimator, encoder=tiny_encoder
    )
    training, held_out, test = trained.data()
    scorer = calibrate_network(
        trained.standardiser, trained.network, training.rows, held_out.rows, held_out.codes, 4
    ).scorer
    scores = scorer(torch.from_numpy(test.rows))
    assert scores.expected_level is not None
    assert scores.sensitivity.shape == (len(test.rows), 4)
    norm = torch.linalg.vector_norm(scores.sensitivity, dim=1)
    torch.testing.assert_close(norm, scores.jacobian_norm)


@pytest.mark.usefixtures("_encoded_already")
def test_a_column_without_a_word_in_it_is_no_text(tiny_encoder: Path) -> None:
    frame = make_tickets(200, seed=4)
    frame["message"] = "  "
    with pytest.raises(DataError, match="column 'message' has no text with anything to read: drop it"):
        train_table(frame, "paid", options=TableOptions(types={"message": "text"}), encoder=tiny_encoder)


def test_one_text_is_learned_from_and_a_second_refused_with_what_to_do() -> None:
    frame = make_tickets(200, seed=3)
    frame["reply"] = frame["message"]
    with pytest.raises(
        DataError, match="columns 'message', 'reply' hold texts, and of a table one is learned from: put"
    ):
        plan_table(frame, "paid", TableOptions(), 0)
    plan = plan_table(frame, "paid", TableOptions(drop=("reply",)), 0)
    assert [column.name for column in plan.used if column.kind == "text"] == ["message"]


def test_the_report_is_of_the_served_file(tickets: Exported, trained_tickets: TrainedTable) -> None:
    about = replace(of_table(trained_tickets), baselines=lambda: iter(()))
    measured = measure(Model.load(tickets.folder, threads=1), about)
    accuracy = read_manifest(tickets.folder).evaluation.accuracy
    assert measured.standings[0].figures["accuracy"] == pytest.approx(accuracy)
    assert "message" in {leaning.name for leaning in measured.leanings}
    assert len(measured.layers) == len(trained_tickets.network.layers)
