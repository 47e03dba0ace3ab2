"""Yelp's reviews and their one to five stars.

Zhang, Zhao and LeCun, "Character-level convolutional networks for text classification" (2015), for the set on the hub.
"""

import numpy as np

from model_export.tasks.hub import load_from_hub
from model_export.tasks.text_set import Texts, TextSet, read_local
from model_export.tasks.text_task import TextTask
from model_export.training import ChainzRuleOrdinalClassifier

FILES = {"train": "yelp/train.parquet", "test": "yelp/test.parquet"}
"""By the hub's names of the parts; columns `text` and `label`, the stars less one."""

ON_THE_HUB = "Yelp/yelp_review_full"
SAMPLED = {"train": 20_000, "test": 5_000}
"""Of the hub's 650,000 and 50,000 reviews; a head on a frozen encoder gains little from more."""

CLASSES = ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")


def load_yelp() -> TextSet:
    """Return the reviews: the local folder's all of them, the hub's a sample, the same each time.

    Raises:
        DataNotFoundError: if they are neither in the local folder nor to be had from the Hugging Face hub.
        DataError: if a file or the hub holds something else.
    """
    parts = read_local(FILES, len(CLASSES)) or _sample()
    counts = " + ".join(f"{len(texts.texts)} {part}" for part, texts in parts.items())
    return TextSet(parts["train"], Texts([], np.empty(0, dtype=np.int64)), parts["test"], f"{counts} reviews")


def _sample() -> dict[str, Texts]:
    """Return reviews of the hub's, drawn at random by a fixed seed."""
    found = load_from_hub(ON_THE_HUB, ", ".join(FILES.values()))
    parts = {}
    for part, count in SAMPLED.items():
        rows = np.sort(np.random.default_rng(0).permutation(len(found[part]))[:count])
        drawn = found[part].select(rows)
        texts = [unescape(text) if isinstance(text, str) else text for text in drawn["text"]]
        parts[part] = Texts.of(texts, drawn["label"], len(CLASSES), f"{ON_THE_HUB}, {part}")
    return parts


def unescape(text: str) -> str:
    r"""Return a review as it was written: the hub's set holds the ends of lines as \n and quotation marks as \"."""
    return text.replace("\\n", "\n").replace('\\"', '"')


YELP = TextTask(
    name="yelp",
    description="Stars of a review of a business, one to five, as levels in order",
    data="Yelp reviews",
    load=load_yelp,
    classes=CLASSES,
    example="Friendly staff and great tacos, but we waited forty minutes for a table.",
    head=ChainzRuleOrdinalClassifier((256, 128), batch_size=128, max_epochs=30, patience=5),
)
