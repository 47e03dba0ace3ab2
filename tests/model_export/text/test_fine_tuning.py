from dataclasses import replace
from math import nan

import numpy as np
import pytest
import torch

from model_export.errors import DataError
from model_export.text import fine_tuning
from model_export.text.encoder import TextEncoder
from model_export.text.fine_tuning import FineTuned, FineTuning, embed_by_torch
from model_export.text.graph import EncoderGraph
from model_export.text.tokens import LabelledTokens, tokenize
from model_export.training import Schedule
from tests.model_export.text.reviews import made_up_reviews

SETTINGS = FineTuning((8,), encoder_rate=3e-3, head_rate=1e-2, batch_size=16, max_epochs=6, patience=2)


def labelled(rows: int, seed: int, encoder: EncoderGraph) -> LabelledTokens:
    texts, labels = made_up_reviews(rows, seed)
    return LabelledTokens(tokenize(texts, encoder), labels)


@pytest.fixture(scope="module")
def parts(encoder_graph: EncoderGraph) -> tuple[LabelledTokens, LabelledTokens]:
    return labelled(600, 1, encoder_graph), labelled(200, 2, encoder_graph)


@pytest.fixture(scope="module")
def tuned(encoder: TextEncoder, parts: tuple[LabelledTokens, LabelledTokens]) -> FineTuned:
    return SETTINGS.fit(encoder, *parts, 3, seed=0)


def logits_of(tuned: FineTuned, tokens: np.ndarray) -> torch.Tensor:
    embeddings = embed_by_torch(tuned.encoder.module, tokens, tuned.encoder.padding)
    with torch.no_grad():
        logits: torch.Tensor = tuned.network(tuned.standardiser(torch.from_numpy(embeddings).double()).float())
    return logits


def test_it_learns_what_decides(tuned: FineTuned, encoder_graph: EncoderGraph) -> None:
    fresh = labelled(400, 3, encoder_graph)
    accuracy = (logits_of(tuned, fresh.tokens).argmax(1).numpy() == fresh.labels).mean()
    assert accuracy > np.bincount(fresh.labels).max() / 400 + 0.2
    assert tuned.encoder.name == "tiny-bert fine-tuned"


def test_its_figures_are_those_of_the_best_epoch_kept(
    tuned: FineTuned, parts: tuple[LabelledTokens, LabelledTokens]
) -> None:
    logits, labels = logits_of(tuned, parts[1].tokens), torch.from_numpy(parts[1].labels)
    assert torch.nn.functional.cross_entropy(logits, labels).item() == pytest.approx(tuned.validation_loss, rel=1e-4)
    assert (logits.argmax(1) == labels).double().mean().item() == pytest.approx(tuned.validation_accuracy, abs=0.006)
    assert 1 <= tuned.epochs <= SETTINGS.max_epochs


def test_the_encoder_moves_and_the_callers_does_not(
    encoder: TextEncoder, tuned: FineTuned, parts: tuple[LabelledTokens, LabelledTokens]
) -> None:
    before = {name: value.clone() for name, value in encoder.module.state_dict().items()}
    quick = replace(SETTINGS, max_epochs=1).fit(encoder, *parts, 3, seed=0)
    for name, value in encoder.module.state_dict().items():
        assert torch.equal(value, before[name])
    moved = [n for n, value in quick.encoder.module.state_dict().items() if not torch.equal(value, before[n])]
    assert len(moved) > 20
    assert not any(p.requires_grad for part in (tuned.encoder.module, tuned.network) for p in part.parameters())
    assert not tuned.encoder.module.training


def test_the_same_seed_gives_the_same_networks_and_leaves_no_trace(
    encoder: TextEncoder, parts: tuple[LabelledTokens, LabelledTokens]
) -> None:
    quick = replace(SETTINGS, max_epochs=1)
    torch.manual_seed(3)
    first = quick.fit(encoder, *parts, 3, seed=0)
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))
    again, other = (quick.fit(encoder, *parts, 3, seed=seed) for seed in (0, 1))
    assert torch.equal(first.network.head.weight, again.network.head.weight)
    for name, value in first.encoder.module.state_dict().items():
        assert torch.equal(value, again.encoder.module.state_dict()[name])
    assert not torch.equal(first.network.head.weight, other.network.head.weight)


def test_dreg_keeps_the_head_flatter(encoder: TextEncoder, parts: tuple[LabelledTokens, LabelledTokens]) -> None:
    norms = []
    for weight in (0.0, 1.0):
        settings = replace(SETTINGS, max_epochs=3, patience=3, dreg=Schedule(weight))
        norms.append(settings.fit(encoder, *parts, 3, seed=0).network.head.weight.norm().item())
    assert norms[1] < 0.8 * norms[0]


def test_batches_hold_each_row_once_and_texts_of_similar_length() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 1000)
    drawn = list(fine_tuning._batches(lengths, 16, np.random.default_rng(0)))
    assert sorted(np.concatenate(drawn).tolist()) == list(range(1000))
    padded = sum(len(rows) * lengths[rows].max() for rows in drawn)
    assert padded < 1.1 * lengths.sum()
    again = list(fine_tuning._batches(lengths, 16, np.random.default_rng(1)))
    assert [rows.tolist() for rows in drawn] != [rows.tolist() for rows in again]


def test_rates_rise_then_fall_to_nothing() -> None:
    rates = [fine_tuning._rate(step, 100, 0.1) for step in range(100)]
    assert np.argmax(rates) == 10
    assert max(rates) == 1
    assert 0 < rates[0] < 0.15
    assert 0 < rates[-1] < 0.02
    assert np.all(np.diff(rates[10:]) < 0)
    assert fine_tuning._rate(0, 100, 0.0) == 1


def test_training_that_diverges_is_reported(
    encoder: TextEncoder, parts: tuple[LabelledTokens, LabelledTokens], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "dreg_penalty", lambda *_: torch.tensor(nan, requires_grad=True))
    with pytest.raises(DataError, match="training diverged in epoch 1: lower the learning rates"):
        SETTINGS.fit(encoder, *parts, 3, seed=0)


def test_settings_that_cannot_train_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 epoch"):
        FineTuning(max_epochs=0)


def test_a_bar_is_drawn_on_request(
    encoder: TextEncoder, parts: tuple[LabelledTokens, LabelledTokens], capsys: pytest.CaptureFixture[str]
) -> None:
    replace(SETTINGS, max_epochs=1).fit(encoder, *parts, 3, seed=0, progress=True)
    assert "validation loss" in capsys.readouterr().out
