"""Texts of a few words with a label that some of the words decide."""

import numpy as np
from numpy.typing import NDArray

from tests.model_export.text.tiny_encoder import WORDS


def made_up_reviews(rows: int, seed: int) -> tuple[list[str], NDArray[np.int64]]:
    """Texts of 3 to 12 words; class 0, 1 or 2 as "bad" and "dull" or "good" and "bright" are the more, or neither."""
    generator = np.random.default_rng(seed)
    texts = [list(generator.choice(WORDS, generator.integers(3, 13))) for _ in range(rows)]
    balance = np.array([sum({"good": 1, "bright": 1, "bad": -1, "dull": -1}.get(w, 0) for w in t) for t in texts])
    return [" ".join(text) for text in texts], (np.sign(balance) + 1).astype(np.int64)
