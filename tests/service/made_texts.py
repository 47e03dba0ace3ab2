"""A small model of texts, real in every part: a WordPiece tokenizer, an embedding by masked mean, a head with its
gradient, all in one graph."""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn

from model_export.graph.onnx_writer import to_onnx
from model_export.graph.version_folder import write_version
from service.inputs import TextInput
from service.manifest import (
    MODEL_FILE,
    OUTPUTS,
    TOKENIZER_FILE,
    Evaluation,
    Level,
    Manifest,
    Network,
    OutOfDistribution,
    Reference,
    Thresholds,
    Training,
)
from tests.service.made_head import MadeHead

MAX_TOKENS, DIMENSIONS = 24, 6
UNKNOWN, PADDING, FIRST, LAST = range(4)
CLASSES = ("bad", "middling", "good")
WORDS = ("the", "film", "was", "not", "very", "good", "bad", "boring", "great", "loved", "it", "sep", "pad")


def make_tokenizer() -> Tokenizer:
    """Words, and the letters of three scripts, alone and within words."""
    scripts = (("a", "z"), ("0", "9"), ("א", "ת"), ("ا", "ي"))
    letters = [chr(code) for first, last in scripts for code in range(ord(first), ord(last) + 1)]
    known = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", *WORDS, *"[]().,!?'", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(WordPiece({token: number for number, token in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair=None, special_tokens=[("[CLS]", FIRST), ("[SEP]", LAST)]
    )
    tokenizer.add_special_tokens(["[UNK]", "[PAD]", "[CLS]", "[SEP]"])
    # As the encoders that people have come: set up to cut and to pad by themselves.
    tokenizer.enable_truncation(MAX_TOKENS // 2)
    tokenizer.enable_padding(length=MAX_TOKENS // 2, pad_id=PADDING, pad_token="[PAD]")
    return tokenizer


class TextScorer(nn.Module):
    """Token and position embeddings, their mean over the mask, standardised, two layers, and their gradient."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)

        def numbers(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, generator=generator), requires_grad=False)

        self.tokens, self.positions = numbers(tokens, DIMENSIONS), numbers(MAX_TOKENS, DIMENSIONS)
        self.deviations = nn.Parameter(0.5 + torch.rand(DIMENSIONS, generator=generator), requires_grad=False)
        self.head = MadeHead(DIMENSIONS, len(CLASSES), numbers)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Return every output for token numbers and their mask [N, T], and the embedding."""
        weights = mask.float().unsqueeze(-1)
        products = self.tokens[ids] * (1 + self.positions[torch.arange(ids.shape[1])])
        embedding = (products * weights).sum(1) / weights.sum(1)
        return (*self.head(embedding / self.deviations), embedding)


def export_scorer(scorer: TextScorer) -> bytes:
    """Return the graph, rows and tokens dynamic."""
    ids = torch.full((3, 5), FIRST)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    model = to_onnx(scorer, inputs, ("rows", "tokens"), [*(output.name for output in OUTPUTS), "embedding"])
    # The embedding has its name now, and stays inside.
    del model.graph.output[-1]
    graph: bytes = model.SerializeToString()
    return graph


def make_manifest() -> Manifest:
    level = Level(score=0.6, risk=0.1, confidence=0.9, rows=100, coverage=0.5, observed_risk=0.05)
    return Manifest(
        name="reviews",
        version=1,
        description="What a made-up film's viewers say",
        classes=CLASSES,
        input=TextInput(
            encoder="made up, mean, float32",
            dimensions=DIMENSIONS,
            max_tokens=MAX_TOKENS,
            padding=PADDING,
            example="The film was not very good.",
        ),
        jacobian="margin",
        network=Network(layers=("dense 6 → 8",), activation="tanh", parameters=72),
        reference=Reference(
            rows=100,
            jacobian_norm=3,
            tail_ratio=1.1,
            temperature=1,
            smallest_typicality=0.01,
            reliability_weights=(0, 1, 0.3),
            thresholds=Thresholds(
                review=level, reject=level, out_of_distribution=OutOfDistribution(typicality=0.1, false_alarm_rate=0.1)
            ),
        ),
        training=Training(data="none", rows=100, validation_rows=10, seed=0, dreg="0", epochs=1),
        evaluation=Evaluation(
            rows=100,
            accuracy=0.5,
            majority_accuracy=0.4,
            log_loss=1,
            mean_reliability=0.5,
            error_auroc=0.6,
            typicality_below_0_05=0.05,
            tail_ratio=1.1,
        ),
        files={},
    )


def write_texts(repository: Path) -> Path:
    """Write version 1 of the model "reviews" and return its folder."""
    tokenizer = make_tokenizer()
    files = {
        MODEL_FILE: export_scorer(TextScorer(tokenizer.get_vocab_size())),
        TOKENIZER_FILE: tokenizer.to_str().encode(),
    }
    return write_version(repository, make_manifest(), files)
