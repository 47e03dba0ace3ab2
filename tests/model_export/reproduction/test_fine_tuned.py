import json
from dataclasses import replace
from pathlib import Path

import pytest

from model_export.reproduction import fine_tuned
from model_export.reproduction.fine_tuned import HEADS, LINEAR, fine_tune, units
from model_export.reproduction.records import CHAINZRULE, Outcome
from model_export.tasks.text_set import Texts, TextSet
from model_export.text.encoder import TextEncoder, load_encoder
from tests.model_export.text.reviews import made_up_reviews
from tests.model_export.text.tiny_encoder import WIDTH, save_encoder

TRAINING, VALIDATION, TEST = (Texts(*made_up_reviews(rows, seed)) for seed, rows in enumerate((64, 40, 50)))
TEXTS = TextSet(TRAINING, VALIDATION, TEST, "made up")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    return load_encoder(save_encoder(tmp_path_factory.mktemp("encoders") / "tiny"), "mean")


@pytest.fixture(scope="module")
def outcomes(encoder: TextEncoder) -> dict[str, Outcome]:
    """Two steps each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fine_tuned, "MAX_TOKENS", 16)
        return {
            name: fine_tune(name, replace(settings, max_epochs=1, batch_size=32), encoder, TEXTS, 3, 4)
            for name, settings in HEADS.items()
        }


def test_both_heads_of_a_seed_come_before_the_next_seed() -> None:
    assert [unit.name for unit in units(False)][:4] == [
        "ChainzRule 0",
        "linear head 0",
        "ChainzRule 1",
        "linear head 1",
    ]
    assert len(units(False)) == 20
    json.dumps([unit.settings for unit in units(False)])
    assert units(True)[0].settings != units(False)[0].settings


def test_the_heads_differ_in_themselves_and_dreg_alone() -> None:
    cubic, linear = HEADS[CHAINZRULE], HEADS[LINEAR]
    assert replace(linear, hidden_widths=cubic.hidden_widths, dreg=cubic.dreg) == cubic
    assert cubic.dreg(0) > 0 == linear.dreg(0)


def test_a_unit_measures_encoder_and_head_on_the_test_texts(outcomes: dict[str, Outcome], encoder: TextEncoder) -> None:
    own = sum(parameter.numel() for parameter in encoder.module.parameters())
    for name, outcome in outcomes.items():
        values = {record.metric: record.value for record in outcome.records}
        assert {"accuracy", "log loss", "tail ratio", "validation accuracy"} <= set(values)
        assert 0 <= values["accuracy"] <= 1
        assert 0 < values["log loss"] < 3
        assert {(record.contender, record.seed) for record in outcome.records} == {(name, 4)}
        assert (outcome.notes["training rows"], outcome.notes["test rows"], outcome.notes["epochs"]) == (64, 50, 1)
    assert {r.parameters for r in outcomes[LINEAR].records} == {own + 3 * WIDTH + 3}


def test_a_linear_head_has_one_jacobian_for_all_texts(outcomes: dict[str, Outcome]) -> None:
    ratios = {name: r.value for name, o in outcomes.items() for r in o.records if r.metric == "tail ratio"}
    assert ratios[LINEAR] == pytest.approx(1, abs=1e-6)
    assert ratios[CHAINZRULE] > 1.001


def test_a_quick_unit_trains_once_on_a_few_texts(
    encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fine_tuned, "load_sst5", lambda: TEXTS)
    monkeypatch.setattr(fine_tuned, "minilm_folder", lambda: tmp_path)
    monkeypatch.setattr(fine_tuned, "load_encoder", lambda *_: encoder)
    monkeypatch.setattr(fine_tuned, "QUICK_ROWS", 20)
    monkeypatch.setattr(fine_tuned, "MAX_TOKENS", 16)
    cubic, linear = (unit.run() for unit in units(True))
    assert cubic.notes["training rows"] == linear.notes["training rows"] == 20
    assert cubic.notes["epochs"] == 1
