from pathlib import Path

import pytest

from model_export.text.encoder import TextEncoder, load_encoder
from model_export.text.graph import EncoderGraph, export_encoder
from tests.model_export.text.tiny_encoder import save_encoder

MAX_TOKENS = 12


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub, and a cache of one's own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoders") / "tiny-bert")


@pytest.fixture(scope="session")
def encoder(folder: Path) -> TextEncoder:
    return load_encoder(folder, "mean")


@pytest.fixture(scope="session")
def encoder_graph(encoder: TextEncoder) -> EncoderGraph:
    return export_encoder(encoder, MAX_TOKENS)
