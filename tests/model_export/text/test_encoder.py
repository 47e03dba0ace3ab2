import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import (
    AutoModel,
    BertModel,
    GPT2Config,
    GPT2Model,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from model_export.errors import EncoderError
from model_export.text import encoder as encoder_module
from model_export.text.encoder import TextEncoder, load_encoder
from model_export.text.pooling import PoolingName
from tests.model_export.text.tiny_encoder import WIDTH, save_encoder, save_tokenizer, tiny_config


@pytest.mark.parametrize(("pooling", "layers"), [("mean", 1), ("cls", 1), ("last4", 4)])
def test_an_embedding_is_pooled_from_the_models_own_vectors(folder: Path, pooling: PoolingName, layers: int) -> None:
    encoder = load_encoder(folder, pooling)
    ids = torch.tensor([[2, 6, 5, 3], [2, 7, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    with torch.no_grad():
        found = encoder.module(ids, mask).numpy()
        hidden = AutoModel.from_pretrained(folder).eval()(ids, mask, output_hidden_states=True).hidden_states
    assert found.shape == (2, encoder.dimensions) == (2, layers * WIDTH)
    expected = [np.stack([h[0].numpy().mean(0), h[1, :3].numpy().mean(0)]) for h in hidden[-layers:]]
    if pooling == "cls":
        expected = [hidden[-1][:, 0].numpy()]
    wanted = np.hstack(expected)
    if pooling != "last4":
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_its_tokenizer_neither_cuts_nor_pads_whatever_the_folder_says(encoder: TextEncoder) -> None:
    parsed = json.loads(encoder.tokenizer)
    assert parsed["truncation"] is None
    assert parsed["padding"] is None
    made = Tokenizer.from_str(encoder.tokenizer.decode())
    assert made.encode("a film " * 20).ids == [2, *[4, 5] * 20, 3]


def test_it_is_called_after_its_folder_unless_named(folder: Path) -> None:
    assert load_encoder(folder, "mean").description == "tiny-bert, mean of the last layer, unit length"
    assert load_encoder(folder, "cls", "B").description == "B, first token of the last layer, unit length"


def test_loading_is_quiet(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_encoder(folder, "mean")
    assert capfd.readouterr() == ("", "")


def test_robertas_positions_start_after_its_padding(tmp_path: Path) -> None:
    config = RobertaConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=34
    )
    RobertaModel(config).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    encoder = load_encoder(tmp_path, "mean")
    assert encoder.longest == 32
    ids = torch.full((1, 32), 5)
    with torch.no_grad():
        assert encoder.module(ids, torch.ones_like(ids)).isfinite().all()
        with pytest.raises((IndexError, RuntimeError)):
            encoder.module(torch.full((1, 33), 5), torch.ones(1, 33, dtype=torch.int64))


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_that_is_not_there_or_empty_is_refused(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "bert").mkdir()
    with pytest.raises(EncoderError, match=r"bert holds no encoder: give a local folder with the config\.json"):
        load_encoder(tmp_path / "bert", "mean")


def test_a_model_that_generates_texts_is_refused(tmp_path: Path) -> None:
    GPT2Model(GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    with pytest.raises(EncoderError, match=r"type 'gpt2', which generates texts .*: take an encoder like BERT"):
        load_encoder(tmp_path, "mean")


def test_a_bert_that_decodes_is_refused(tmp_path: Path) -> None:
    save_encoder(tmp_path, is_decoder=True)
    with pytest.raises(EncoderError, match="which generates texts"):
        load_encoder(tmp_path, "mean")


def test_too_few_layers_for_the_pooling_are_refused(tmp_path: Path) -> None:
    save_encoder(tmp_path, layers=3)
    with pytest.raises(EncoderError, match="has 3 layers, and pooling 'last4' takes the last 4: take pooling 'mean'"):
        load_encoder(tmp_path, "last4")


def test_a_folder_without_a_tokenizer_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folder / name, tmp_path)
    with pytest.raises(EncoderError, match=r"holds no tokenizer: put the model's own tokenizer\.json there"):
        load_encoder(tmp_path, "mean")


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    save_encoder(tmp_path)
    BertModel(tiny_config(vocab_size=18)).save_pretrained(tmp_path)
    with pytest.raises(EncoderError, match="numbers tokens up to 19, and the model knows 18"):
        load_encoder(tmp_path, "mean")


def test_a_tokenizer_without_a_fast_form_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        is_fast = False

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: Slow())
    with pytest.raises(EncoderError, match=r"no fast form, .* so that it has a tokenizer\.json"):
        load_encoder(folder, "mean")


@pytest.mark.parametrize("config", ["{", '{"model_type": "no-such-model"}'])
def test_a_config_that_says_nothing_known_is_refused(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(EncoderError, match="cannot be read as an encoder"):
        load_encoder(tmp_path, "mean")


def test_weights_that_are_not_all_there_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "half")
    weights: dict[str, Any] = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if "layer.3" not in key}
    save_file(kept, tmp_path / "half" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"lacks 16 of the encoder's weights, encoder\.layer\.3"):
        load_encoder(tmp_path / "half", "mean")


def test_a_fast_tokenizer_is_what_the_folder_has(folder: Path, encoder: TextEncoder) -> None:
    own = PreTrainedTokenizerFast.from_pretrained(folder)
    text = "It was NOT bad!"
    assert Tokenizer.from_str(encoder.tokenizer.decode()).encode(text).ids == own(text)["input_ids"]


def test_without_the_library_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "find_spec", lambda _: None)
    with pytest.raises(EncoderError, match=r"pip install 'chainzrule\[text\]'"):
        load_encoder(folder, "mean")
