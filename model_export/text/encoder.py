"""An encoder of texts from a local folder, as a torch module."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from model_export.errors import EncoderError
from model_export.text.pooling import POOLINGS, PoolingName


class Encoder(nn.Module):
    """Tokens in, embedding [N, D] out.

    Args:
        model: of the library transformers; returns the hidden vectors of every layer when asked.
        pooling: what becomes of them.
    """

    def __init__(self, model: nn.Module, pooling: PoolingName) -> None:
        super().__init__()
        self.model = model
        self.config: Any = model.config
        self.pooling: PoolingName = pooling

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the embeddings of texts as token numbers [N, T] and mask [N, T], padded to the right."""
        pooling = POOLINGS[self.pooling]
        found = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=pooling.layers > 1)
        hidden = found.hidden_states if pooling.layers > 1 else (found.last_hidden_state,)
        return pooling.pool(hidden, attention_mask)


class TextEncoder(NamedTuple):
    """An encoder with its tokenizer."""

    name: str
    module: Encoder
    """In evaluation mode, float32, on the CPU"""

    tokenizer: bytes
    """The text of a `tokenizer.json` that neither cuts nor pads"""

    padding: int
    """Token number that fills up the shorter texts of a batch"""

    longest: int
    """The most tokens of a text, special ones included, that the encoder has positions for"""

    @property
    def description(self) -> str:
        """Name and pooling, for a manifest."""
        return f"{self.name}, {POOLINGS[self.module.pooling].description}"

    @property
    def dimensions(self) -> int:
        """D, the width of the embedding."""
        width: int = self.module.config.hidden_size
        return POOLINGS[self.module.pooling].layers * width


def load_encoder(folder: Path, pooling: PoolingName, name: str | None = None) -> TextEncoder:
    """Return the encoder in a folder as the library transformers saves one: config.json, weights, tokenizer.

    Any model trained by masking will do, as BERT and RoBERTa are. Nothing is downloaded, and no code of the folder run.

    Args:
        folder: the local folder.
        pooling: how its vectors become one, see `POOLINGS`.
        name: what the manifest calls it; the folder's name unless given.

    Raises:
        EncoderError: if there is no such folder, it holds no such model or not all of its weights, its tokenizer has no
            fast form, or the model generates texts instead of encoding them.
    """
    if not (folder / "config.json").is_file():
        raise EncoderError(
            f"{folder} holds no encoder: give a local folder with the config.json, weights and tokenizer.json of a "
            "model like BERT, as the library transformers saves them"
        )
    if find_spec("transformers") is None:
        raise EncoderError("encoders are read by the library transformers: pip install 'chainzrule[text]'")
    # Seconds to load, and only needed here.
    from transformers import AutoConfig, AutoModel, AutoTokenizer  # noqa: PLC0415
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING  # noqa: PLC0415

    with _quiet(), _explained(folder):
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        if type(config) not in MODEL_FOR_MASKED_LM_MAPPING or _decodes(config):
            raise EncoderError(
                f"{folder} holds a model of type '{config.model_type}', which generates texts or was not trained by "
                "masking: take an encoder like BERT, RoBERTa or MPNet"
            )
        if config.num_hidden_layers < POOLINGS[pooling].layers:
            raise EncoderError(
                f"{folder} has {config.num_hidden_layers} layers, and pooling '{pooling}' takes the last "
                f"{POOLINGS[pooling].layers}: take pooling 'mean' or 'cls'"
            )
        # The plain form of attention is the one that becomes standard operators for every architecture.
        model, loading = AutoModel.from_pretrained(
            folder,
            config=config,
            attn_implementation="eager",
            dtype=torch.float32,
            local_files_only=True,
            output_loading_info=True,
        )
        absent = sorted(key for key in loading["missing_keys"] if not key.startswith("pooler."))
        if absent:
            raise EncoderError(
                f"{folder} lacks {len(absent)} of the encoder's weights, {absent[0]} among them: was it saved whole, "
                "by save_pretrained?"
            )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    _check_tokenizer(tokenizer, config, folder)
    return TextEncoder(
        name=name or folder.resolve().name,
        module=Encoder(model.eval(), pooling).eval(),
        tokenizer=_uncut(tokenizer.backend_tokenizer.to_str()),
        padding=next((n for n in (config.pad_token_id, tokenizer.pad_token_id) if n is not None), 0),
        longest=_positions(config, tokenizer.model_max_length),
    )


def _check_tokenizer(tokenizer: Any, config: Any, folder: Path) -> None:
    """Refuse a tokenizer that a service cannot run, or that does not go with the model."""
    if not tokenizer.is_fast:
        raise EncoderError(
            f"the tokenizer in {folder} has no fast form, which is what a service runs: convert it, "
            "AutoTokenizer.from_pretrained(folder, use_fast=True).save_pretrained(folder), so that it has a "
            "tokenizer.json"
        )
    numbers = tokenizer.get_vocab().values()
    # Where its files are not there, the library makes an empty one up.
    if len(numbers) <= len(set(tokenizer.all_special_ids)):
        raise EncoderError(f"{folder} holds no tokenizer: put the model's own tokenizer.json there")
    if max(numbers) >= config.vocab_size:
        raise EncoderError(
            f"the tokenizer in {folder} numbers tokens up to {max(numbers)}, and the model knows {config.vocab_size}: "
            "put the model's own tokenizer.json there"
        )


def _decodes(config: Any) -> bool:
    return bool(getattr(config, "is_decoder", False) or getattr(config, "is_encoder_decoder", False))


def _positions(config: Any, tokenizers_own: int) -> int:
    """Return how many tokens there are positions for; RoBERTa and its kin start theirs after the padding's number."""
    positions = int(getattr(config, "max_position_embeddings", tokenizers_own))
    embeddings = getattr(config, "model_type", "")
    after_padding = any(kind in embeddings for kind in ("roberta", "camembert", "mpnet", "data2vec"))
    return min(positions - (config.pad_token_id + 1 if after_padding else 0), tokenizers_own)


def _uncut(tokenizer: str) -> bytes:
    """Return a tokenizer.json without cutting and padding, which are the service's own affair."""
    plain = Tokenizer.from_str(tokenizer)
    plain.no_truncation()
    plain.no_padding()
    text: str = plain.to_str()
    return text.encode()


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn the library's errors on a folder that it cannot read into ours."""
    try:
        yield
    except EncoderError:
        raise
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise EncoderError(f"{folder} cannot be read as an encoder with its tokenizer: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's bars and notes from the user."""
    from transformers import utils  # noqa: PLC0415 - seconds to load

    logging: Any = utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
