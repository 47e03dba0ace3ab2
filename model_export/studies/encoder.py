"""Sentence embeddings, kept between runs."""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.text.minilm import minilm_folder


def embed(texts: list[str]) -> NDArray[np.float64]:
    """Return all-MiniLM-L6-v2's embeddings [N, 384] of `texts`, mean-pooled and of unit length.

    They come from the cache where the same texts were embedded before.

    Raises:
        DataNotFoundError: if the encoder is not installed.
    """
    key = sha256("\0".join(texts).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "chainzrule" / f"minilm-{key}.npy"
    if not cache.exists():
        embeddings = _encode(texts)
        cache.parent.mkdir(parents=True, exist_ok=True)
        with cache.with_suffix(".part").open("wb") as stream:
            np.save(stream, embeddings)
        cache.with_suffix(".part").rename(cache)
    found: NDArray[np.float64] = np.load(cache).astype(np.float64)
    return found


@torch.no_grad()
def _encode(texts: list[str]) -> NDArray[np.float32]:
    folder = minilm_folder()
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415 - seconds to load, and only needed here

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    result = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    by_length = np.argsort([len(text) for text in texts], kind="stable")
    for part in np.array_split(by_length, max(len(texts) // 64, 1)):
        batch = tokenizer([texts[i] for i in part], padding=True, truncation=True, max_length=128, return_tensors="pt")
        mask = batch["attention_mask"].unsqueeze(-1)
        pooled = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
        result[part] = torch.nn.functional.normalize(pooled).numpy()
    return result
