"""A model like BERT with random weights and a vocabulary of a few words, as transformers saves one."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = (
    "a",
    "film",
    "good",
    "bad",
    "very",
    "not",
    "dull",
    "bright",
    "it",
    "is",
    "was",
    "the",
    "plot",
    "and",
    "##s",
    "!",
)
WIDTH = 16


def save_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(SPECIAL + WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.save_pretrained(folder)


def tiny_config(
    layers: int = 4, vocab_size: int = len(SPECIAL + WORDS), hidden_size: int = WIDTH, **settings: Any
) -> BertConfig:
    return BertConfig(
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * hidden_size,
        max_position_embeddings=48,
        **settings,
    )


def save_encoder(folder: Path, **settings: Any) -> Path:
    """Save one to `folder`, which its name is taken from, and return it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertModel(tiny_config(**settings))
        # Its usual start, 0.02 wide, makes all texts alike.
        for parameter in model.parameters():
            if parameter.ndim == 2:
                torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder
