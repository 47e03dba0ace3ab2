"""SST-5 with the encoder trained from end to end: a cubic head with DREG against a linear one."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import torch

from model_export.reproduction.measures import measure, parameter_count
from model_export.reproduction.records import CHAINZRULE, Experiment, Outcome, Record, Unit
from model_export.reproduction.sentence_embeddings import MAX_TOKENS
from model_export.reproduction.stack import Part
from model_export.tasks.sst5 import CLASSES, load_sst5
from model_export.tasks.text_set import Texts, TextSet
from model_export.text.encoder import TextEncoder, load_encoder
from model_export.text.fine_tuning import FineTuning, embed_by_torch
from model_export.text.graph import EncoderGraph
from model_export.text.minilm import NAME, minilm_folder
from model_export.text.tokens import LabelledTokens, tokenize
from model_export.training.schedule import Schedule

LINEAR = "linear head"

_CUBIC = FineTuning(max_epochs=2)
HEADS: Mapping[str, FineTuning] = {
    CHAINZRULE: _CUBIC,
    LINEAR: replace(_CUBIC, hidden_widths=(), dreg=Schedule(0.0)),
}
"""Rates, epochs and batches are the same; what differs is the head, and DREG on it."""

SEEDS, QUICK_SEEDS = tuple(range(10)), (0,)

QUICK_ROWS = 1000
"""Training sentences of a quick run, once through."""

SECONDS, QUICK_SECONDS = 470, 60


def units(quick: bool) -> list[Unit]:
    """Return a unit for each head and seed, both heads of a seed together."""
    return [
        Unit(
            f"{name} {seed}",
            {
                "encoder": NAME,
                "most tokens": MAX_TOKENS,
                "seed": seed,
                "quick": quick,
                "training rows": QUICK_ROWS if quick else "all",
                "head": {**asdict(settings), "dreg": str(settings.dreg)},
            },
            QUICK_SECONDS if quick else SECONDS,
            partial(_run, name, replace(settings, max_epochs=1) if quick else settings, seed, quick),
        )
        for seed in (QUICK_SEEDS if quick else SEEDS)
        for name, settings in HEADS.items()
    ]


def _run(name: str, settings: FineTuning, seed: int, quick: bool) -> Outcome:
    texts = load_sst5()
    if quick:
        drawn = np.random.default_rng(seed).permutation(len(texts.training.texts))[:QUICK_ROWS]
        texts = texts._replace(training=texts.training.at(drawn))
    return fine_tune(name, settings, load_encoder(minilm_folder(), "mean", NAME), texts, len(CLASSES), seed)


def fine_tune(
    name: str, settings: FineTuning, encoder: TextEncoder, texts: TextSet, classes: int, seed: int
) -> Outcome:
    """Train a copy of `encoder` with a head, and measure both on the test texts.

    The Jacobian is the head's alone, logits by embedding, in the deviations that embeddings had before training.

    Raises:
        DataError: if training diverges.
    """
    # Fine-tuning changes no tokens; it needs no graph.
    before = EncoderGraph(b"", encoder.tokenizer, "", encoder.dimensions, encoder.padding, MAX_TOKENS)
    training, validation, test = (_tokens(part, before) for part in texts[:3])
    tuned = settings.fit(encoder, training, validation, classes, seed=seed)
    embeddings = torch.from_numpy(embed_by_torch(tuned.encoder.module, test.tokens, encoder.padding))
    part = Part(tuned.standardiser(embeddings.double()).float(), torch.from_numpy(test.labels))
    count = parameter_count(tuned.encoder.module, tuned.network)
    records = [record._replace(parameters=count) for record in measure(name, tuned.network, part, seed=seed)]
    records.append(Record(name, count, "validation accuracy", tuned.validation_accuracy, seed))
    return Outcome(
        records,
        {
            "epochs": tuned.epochs,
            "validation loss": tuned.validation_loss,
            "training rows": len(training.labels),
            "validation rows": len(validation.labels),
            "test rows": len(test.labels),
        },
    )


def _tokens(texts: Texts, encoder: EncoderGraph) -> LabelledTokens:
    return LabelledTokens(tokenize(texts.texts, encoder), texts.labels)


FINE_TUNED = Experiment(
    title="SST-5, encoder fine-tuned",
    data="Stanford Sentiment Treebank: 8,544 training, 1,101 validation and 2,210 test sentences",
    protocol=f"{NAME} (22.7 M parameters, where the paper has BERT-base's 110 M) trained from end to end, with a cubic "
    "head of 256 and 128 and DREG or with a linear head: the same rates, epochs, batches and seeds; the best epoch by "
    "the publisher's validation sentences is kept",
    units=units,
)
