"""Made-up rows of each kind, to try a graph with where no data are at hand."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from service.features import UNSEEN
from service.inference.feeds import Rows
from service.inference.model import Model
from service.inference.tokenizer import END
from service.inputs import CategoricalFeature, Column, EncodedText, ImageInput, TableInput, TextFeature, TextInput
from service.manifest import TOKENIZER_FILE
from service.version_folder import read_file

_TABLE_ROWS, _TEXTS, _IMAGES = 256, 64, 64

LEVELS = 8
"""Pixels stay so far from 0 and from 255 that each can be changed by as much."""

_WAVES, _NOISE = 3, 0.2
"""Of images: as many frequencies in each direction, and the noise of a pixel in training deviations."""


def made_up_rows(folder: Path, model: Model) -> Rows:
    """Return rows for the model in `folder`, about as usual as can be without data, the same each time."""
    generator = np.random.default_rng(0)
    match model.manifest.input:
        case TableInput() as table:
            rows = _table(table, generator)
            if table.text is None:
                return rows
            return _beside(rows, table.names.index(table.text.name), _texts(folder, model, table.text, generator))
        case TextInput() as text:
            return _texts(folder, model, text, generator)
        case ImageInput() as image:
            return _images(image, generator)


def _table(table: TableInput, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return 256 rows about as far out as the training rows, some values missing where the manifest allows.

    Half of them lie nearer the middle, at any distance: where features hang together, independent ones make rows that
    are unlike any training row unless they are close to it.
    """
    features = table.features
    mean, example, deviation = np.array([_middle_and_spread(feature) for feature in features]).T
    half = _TABLE_ROWS // 2
    standard = generator.normal(size=(_TABLE_ROWS, len(features)))
    nearer = generator.uniform(size=(half, 1))
    rows = np.concatenate([mean + deviation * standard[:half], example + nearer * deviation * standard[half:]])
    rows = generator.permutation(rows)
    for column, feature in enumerate(features):
        if isinstance(feature, CategoricalFeature):
            # The commonest come first; an unseen one in every fiftieth row.
            codes = np.minimum(generator.geometric(0.4, _TABLE_ROWS) - 1, len(feature.categories) - 1)
            rows[:, column] = np.where(generator.random(_TABLE_ROWS) < 0.02, UNSEEN, codes)
    may_be_missing = np.array([feature.may_be_missing for feature in features])
    rows[(generator.random(rows.shape) < 0.1) & may_be_missing] = np.nan
    return rows.astype(np.float32)


def _middle_and_spread(feature: Column) -> tuple[float, float, float]:
    """Return mean, example and deviation in the tensor; of categories and texts, which are drawn by themselves, any."""
    if isinstance(feature, CategoricalFeature | TextFeature):
        return 0.0, 0.0, 1.0
    return feature.mean, feature.usual, feature.standard_deviation


def _beside(rows: NDArray[np.float32], column: int, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return rows with texts behind them, in turn, but where the text's own column says that none is there."""
    behind = np.resize(tokens, (len(rows), tokens.shape[1]))
    behind[np.isnan(rows[:, column])] = END
    lengths = np.count_nonzero(behind != END, axis=1)
    rows[:, column] = np.where(lengths > 0, lengths, np.nan)
    return np.concatenate([rows, behind], axis=1, dtype=np.float32)


def _texts(folder: Path, model: Model, text: EncodedText, generator: np.random.Generator) -> NDArray[np.int32]:
    """Return the manifest's example and 64 texts of random tokens, from one token to as many as are taken."""
    tokenizer = Tokenizer.from_buffer(read_file(folder, model.manifest, TOKENIZER_FILE))
    vocabulary = sorted(tokenizer.get_vocab(with_added_tokens=False).values())
    lengths = generator.permutation(np.geomspace(1, text.max_tokens, _TEXTS).astype(np.int64))
    texts = [tokenizer.decode(generator.choice(vocabulary, size).tolist()) for size in lengths]
    encoded = model.tokenizer.encode([text.example, *texts])
    return encoded.rows[encoded.known]


def _images(image: ImageInput, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Return 64 images of slow waves and a little noise, at most as far from each channel's mean as training pixels.

    Their contrast is any: an image of full contrast in which nothing is to be seen is unlike most training images.
    """
    mean, deviation = np.array([(c.mean, c.standard_deviation) for c in image.channels]).T
    parts = generator.normal(size=(2, _IMAGES, len(mean), _WAVES, _WAVES))
    down, across = (
        np.exp(2j * np.pi * np.arange(size)[:, None] / size * np.arange(_WAVES)) for size in (image.height, image.width)
    )
    # Of deviation 1: as many waves as are summed, each of deviation 1.
    waves = np.einsum("ncde,hd,we->nhwc", parts[0] + 1j * parts[1], down, across).real / _WAVES
    contrast = generator.uniform(size=(_IMAGES, 1, 1, 1))
    standard = contrast * waves + _NOISE * generator.normal(size=waves.shape)
    pixels: NDArray[np.float64] = np.clip(mean + deviation * standard, LEVELS, 255 - LEVELS)
    return pixels.round().astype(np.uint8)
