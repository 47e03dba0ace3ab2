from pathlib import Path

import numpy as np
import pytest

from model_export.reproduction import sentence_embeddings
from model_export.reproduction.sentence_embeddings import embed_texts
from model_export.text.embeddings import embed
from model_export.text.encoder import load_encoder
from model_export.text.graph import export_encoder
from model_export.text.tokens import tokenize
from tests.model_export.text.tiny_encoder import WIDTH, save_encoder

TEXTS = ["good", "a very good film", "not bad"]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sentence_embeddings, "MAX_TOKENS", 12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoders") / "tiny")


def test_they_are_what_a_service_makes_of_the_texts(folder: Path) -> None:
    graph = export_encoder(load_encoder(folder, "last4"), 12)
    found = embed_texts(TEXTS, "last4", folder)
    assert found.shape == (3, 4 * WIDTH)
    np.testing.assert_allclose(found, embed(tokenize(TEXTS, graph), graph), rtol=1e-6)


def test_they_are_made_once_for_the_same_texts_pooling_and_encoder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = embed_texts(TEXTS, "mean", folder)
    other_encoder = save_encoder(tmp_path / "other", layers=2)
    assert not np.allclose(embed_texts(TEXTS, "mean", other_encoder), first)
    assert not np.allclose(embed_texts(TEXTS, "cls", folder), first)
    assert not np.allclose(embed_texts(TEXTS[::-1], "mean", folder), first)
    monkeypatch.setattr(sentence_embeddings, "export_encoder", None)
    np.testing.assert_array_equal(embed_texts(TEXTS, "mean", folder), first)
