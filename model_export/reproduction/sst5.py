"""SST-5 on an encoder that stays as it is: whole sentences alone, and every phrase of their trees."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from model_export.errors import DataNotFoundError
from model_export.reproduction.frozen import SEEDS, Embedded, EmbeddedSet, FrozenTask
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.records import Experiment
from model_export.reproduction.sentence_embeddings import MAX_TOKENS, embed_texts
from model_export.tasks.data import DATA_VARIABLE, local_file
from model_export.tasks.sst5 import CLASSES, load_sst5, plain
from model_export.tasks.text_set import Texts
from model_export.text.minilm import NAME
from model_export.text.pooling import PoolingName

PHRASES = "sst5/train_phrases.parquet"
"""Every subtree of the training sentences' trees once, with its own label; columns `text` and `label`."""

POOLING: PoolingName = "last4"
"""Of the sentences; chosen on the validation sentences."""

PHRASES_POOLING: PoolingName = "mean"
"""A quarter of that, for twenty times as many texts."""

QUICK_PHRASES = 8_000

BASE = Recipe(hidden_widths=(64, 64), learning_rate=3e-4, batch_size=128, max_epochs=30, patience=3)


@lru_cache(1)
def load_sentences(quick: bool) -> EmbeddedSet:  # noqa: ARG001 - there are few enough of them
    """Return the embeddings of the whole sentences, in the publisher's parts.

    Raises:
        DataNotFoundError: if the sentences, or the encoder, are not at hand.
    """
    texts = load_sst5()
    training, validation, test = (_embedded(part, POOLING) for part in texts[:3])
    return EmbeddedSet(training, validation, test, {})


@lru_cache(1)
def load_phrases(quick: bool) -> EmbeddedSet:
    """Return the same with the phrases to train on.

    Raises:
        DataNotFoundError: if the sentences, the phrases, or the encoder, are not at hand.
    """
    texts = load_sst5()
    phrases = apart(read_phrases(), texts.validation.texts + texts.test.texts)
    if quick:
        phrases = phrases.at(np.random.default_rng(0).permutation(len(phrases.texts))[:QUICK_PHRASES])
    training, validation, test = (_embedded(part, PHRASES_POOLING) for part in (phrases, texts.validation, texts.test))
    return EmbeddedSet(training, validation, test, {})


def read_phrases() -> Texts:
    """Return the phrases as one would write them.

    Raises:
        DataNotFoundError: if they are not in the local folder; no hub that is known has them.
        DataError: if the file holds something else.
    """
    file = local_file(PHRASES)
    if file is None:
        raise DataNotFoundError(
            f"the phrases of SST-5 are not at hand: put {PHRASES} into the folder that {DATA_VARIABLE} names"
        )
    texts, labels = Texts.read(file, len(CLASSES))
    return Texts([plain(text) for text in texts], labels)


def apart(texts: Texts, others: list[str]) -> Texts:
    """Return the texts that are none of the others, in whatever case."""
    known = {text.lower() for text in others}
    return texts.at(np.flatnonzero([text.lower() not in known for text in texts.texts]))


def _embedded(texts: Texts, pooling: PoolingName) -> Embedded:
    return Embedded(embed_texts(texts.texts, pooling), texts.labels)


SENTENCES_TASK = FrozenTask(
    load=load_sentences,
    data={"encoder": NAME, "pooling": POOLING, "most tokens": MAX_TOKENS},
    classes=len(CLASSES),
    base=BASE,
    # Around what is best on the validation sentences, for each of the two that hold a network back.
    rates=(3e-4, 1e-3),
    lambdas=(10**-2.0, 10**-1.5, 10**-1.0),
    decays=(0.1, 1.0, 10.0),
    fractions=(1.0, 0.05, 0.1, 0.25, 0.5),
    quick_fractions=(1.0,),
    seconds=60,
)

PHRASES_TASK = replace(
    SENTENCES_TASK,
    load=load_phrases,
    data={**SENTENCES_TASK.data, "pooling": PHRASES_POOLING},
    quick_data={"phrases": QUICK_PHRASES},
    base=replace(BASE, batch_size=512, max_epochs=12, patience=2),
    fractions=(1.0,),
    quick_fractions=(1.0,),
    choice_share=0.25,
    seconds=200,
)

SENTENCES = Experiment(
    title="SST-5, frozen encoder, sentences alone",
    data="Stanford Sentiment Treebank: 8,544 training, 1,101 validation and 2,210 test sentences, all of them; two "
    "test sentences occur among the training sentences, as published",
    protocol=f"{NAME} as it is, 22.7 M parameters; the publisher's parts; settings chosen on the validation sentences, "
    f"which also stop training; {len(SEEDS)} seeds, which at less than all sentences also draw them",
    units=SENTENCES_TASK.units,
)

WITH_PHRASES = Experiment(
    title="SST-5, frozen encoder, phrases too",
    data="The same, with the 159,274 phrases of the training sentences' trees to train on, less those that equal a "
    "validation or test sentence",
    protocol="As with sentences, but the embedding is the mean of the last layer, a quarter as wide, so that so "
    "many texts fit into memory: the two rows differ by more than the phrases. Settings chosen with a quarter of them",
    units=PHRASES_TASK.units,
)
