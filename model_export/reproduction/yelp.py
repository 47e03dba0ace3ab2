"""Yelp's stars as levels in order, on an encoder that stays as it is."""

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_export.reproduction.frozen import SEEDS, Embedded, EmbeddedSet, FrozenTask
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.records import Experiment
from model_export.reproduction.sentence_embeddings import MAX_TOKENS, embed_texts
from model_export.tasks.data import local_file
from model_export.tasks.text_set import Texts
from model_export.tasks.yelp import CLASSES, FILES, load_yelp
from model_export.text.minilm import NAME
from model_export.text.pooling import PoolingName

SOURCE = "yelp_review_full"
"""Which of the local file's reviews are from the set that the paper has; they are measured by themselves too."""

POOLING: PoolingName = "mean"

QUICK_ROWS = {"training": 2000, "test": 500}
"""Reviews are long, and embedding them takes longest."""


@lru_cache(1)
def load_reviews(quick: bool) -> EmbeddedSet:
    """Return the reviews' embeddings; a sample of the reviews where it is to be quick.

    Raises:
        DataNotFoundError: if the reviews, or the encoder, are not at hand.
    """
    reviews = load_yelp()
    training, test, full = reviews.training, reviews.test, full_rows(len(reviews.test.labels))
    if quick:
        training = training.at(_sample(len(training.labels), QUICK_ROWS["training"]))
        drawn = _sample(len(test.labels), QUICK_ROWS["test"])
        test, full = test.at(drawn), np.flatnonzero(np.isin(drawn, full))
    return EmbeddedSet(_embedded(training), None, _embedded(test), {SOURCE: full})


def full_rows(count: int) -> NDArray[np.int64]:
    """Return which of `count` test reviews are of Yelp Review Full: by the local file's column `source`, else all."""
    file = local_file(FILES["test"])
    if file is None or local_file(FILES["train"]) is None:
        return np.arange(count)
    frame = pd.read_parquet(file)
    return np.flatnonzero(frame["source"] == SOURCE) if "source" in frame.columns else np.arange(count)


def _sample(rows: int, most: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).permutation(rows)[:most])


def _embedded(texts: Texts) -> Embedded:
    return Embedded(embed_texts(texts.texts, POOLING), texts.labels)


TASK = FrozenTask(
    load=load_reviews,
    data={"encoder": NAME, "pooling": POOLING, "most tokens": MAX_TOKENS},
    quick_data={"rows": QUICK_ROWS},
    classes=len(CLASSES),
    base=Recipe(hidden_widths=(64, 64), ordinal=True, learning_rate=3e-4, batch_size=128, max_epochs=30, patience=3),
    rates=(3e-4, 1e-3),
    lambdas=(10**-2.5, 10**-2.0, 10**-1.5),
    decays=(0.1, 1.0, 10.0),
    fractions=(1.0,),
    quick_fractions=(1.0,),
    seconds=60,
)

YELP = Experiment(
    title="Yelp stars, ordinal head, frozen encoder",
    data="24,976 reviews (19,981 + 4,995) of three origins, 1,000 of the test reviews from Yelp Review Full, which are "
    "given by themselves too; not the 650,000 + 50,000 of the full set",
    protocol=f"{NAME} as it is, texts cut at {MAX_TOKENS} tokens; 15 % of the training reviews, drawn anew with each "
    f"seed, are validation rows; the median level is predicted; {len(SEEDS)} seeds",
    units=TASK.units,
)
