"""The data the signals are studied on: training, calibration and test rows, and what may happen to the test rows."""

import inspect
import pkgutil
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from model_export.errors import DataNotFoundError
from model_export.studies.encoder import embed
from model_export.studies.shifts import MODERATE, Shift, image_shifts, misspell, table_shifts, unit_mistakes
from model_export.tasks.data import DATA_VARIABLE, local_file
from model_export.tasks.mnist import load_mnist as load_digits
from model_export.tasks.pima import PIMA, UNITS
from model_export.tasks.sst5 import plain
from model_export.training import ChainzRuleClassifier
from model_export.training.images import Images

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Part(NamedTuple):
    """Rows [N, n_0] and class indices [N]."""

    rows: Floats
    labels: Codes


class StudySet(NamedTuple):
    """One seed's split of a data set, with the test rows as they are and as they may go wrong."""

    training: Part
    calibration: Part
    test: Part
    shifts: tuple[Shift, ...]
    identities: Codes
    """of the test rows: the same row has the same under every seed"""


class Study(NamedTuple):
    """A data set under study."""

    estimator: ChainzRuleClassifier
    load: Callable[[int], StudySet]
    """by seed"""


UNIT_MISTAKES = {
    "Glucose": ("mmol/L", 1 / 18.016),
    "Insulin": ("pmol/L", 6.945),
    "BloodPressure": ("kPa", 0.1333),
    "SkinThickness": ("cm", 0.1),
    "BMI": ("lb/ft²", 0.2048),
    "Age": ("months", 12.0),
}


def load_pima(seed: int) -> StudySet:
    """Return Pima diabetes; the test rows change with the seed."""
    split = PIMA.split(seed)
    parts = [
        Part(part.table.to_numpy(np.float64, copy=True), part.labels.to_numpy(np.int64, copy=True)) for part in split
    ]
    training, calibration, test = parts
    columns = {name: index for index, name in enumerate(UNITS)}
    shifts = (*table_shifts(*test, training.rows, seed), *unit_mistakes(*test, columns, UNIT_MISTAKES))
    return StudySet(training, calibration, test, shifts, split.test.table.index.to_numpy(np.int64))


def load_sst5(seed: int) -> StudySet:
    """Return SST-5 on frozen sentence embeddings: sentences alone, official test set; calibration rows by the seed."""
    frames = {part: pd.read_parquet(_file(f"sst5/{part}.parquet")) for part in ("train", "dev", "test")}
    texts = {part: [plain(text) for text in frame["text"]] for part, frame in frames.items()}
    known = np.concatenate([embed(texts["train"]), embed(texts["dev"])])
    labels = np.concatenate([frames["train"]["label"], frames["dev"]["label"]]).astype(np.int64)
    training, calibration = _hold_out(Part(known, labels), 2000, seed)
    codes = frames["test"]["label"].to_numpy(np.int64)
    test = Part(embed(texts["test"]), codes)
    generator = np.random.default_rng(0)
    misspelt = [
        Shift(
            "typing errors", severity, embed([misspell(text, share, generator) for text in texts["test"]]), test.labels
        )
        for severity, share in enumerate((0.03, 0.08, 0.15), start=1)
    ]
    yelp = pd.read_parquet(_file("yelp/test.parquet"))
    yelp = yelp[yelp["text"].str.len() < 300].head(1000)
    reviews = Shift(
        "Yelp reviews", MODERATE, embed(list(yelp["text"])), yelp["label"].to_numpy(np.int64), own_rows=True
    )
    prose = Shift("technical prose", 3, embed(technical_prose(1000)), None, own_rows=True)
    shifts = (*misspelt, reviews, prose, *table_shifts(*test, training.rows, seed))
    return StudySet(training, calibration, test, shifts, np.arange(len(codes)))


def load_mnist(seed: int) -> StudySet:
    """Return MNIST's digits 0 to 7, 20,000 to train on; 8 and 9 are new classes. Official test set."""
    official = load_digits()
    images, digits = _flat(official.training)
    known = np.flatnonzero(digits < 8)
    chosen = np.random.default_rng(seed).permutation(known)[:22_000]
    training, calibration = _hold_out(Part(images[chosen], digits[chosen]), 2000, seed)
    images, digits = _flat(official.test)
    sample = np.random.default_rng(0).permutation(np.flatnonzero(digits < 8))[:2000]
    test = Part(images[sample], digits[sample])
    new = Shift("digits 8 and 9", MODERATE, images[digits >= 8][:1000], None, own_rows=True)
    return StudySet(training, calibration, test, (new, *image_shifts(*test, 28, seed)), sample)


STUDIES = {
    "pima": Study(PIMA.estimator, load_pima),
    "sst5": Study(ChainzRuleClassifier((256, 128), batch_size=128, max_epochs=30, patience=5), load_sst5),
    "mnist": Study(ChainzRuleClassifier((256, 128), batch_size=128, max_epochs=15, patience=3), load_mnist),
}
"""Every data set under study by name."""


def technical_prose(count: int) -> list[str]:
    """Return first paragraphs of docstrings in Python's standard library: English of quite another kind."""
    found: dict[str, None] = {}
    for module in sorted(pkgutil.iter_modules(), key=lambda module: module.name):
        if module.name not in sys.stdlib_module_names or module.name in {"antigravity", "this", "idlelib"}:
            continue
        try:
            members = inspect.getmembers(import_module(module.name))
        except ImportError:
            continue
        for _, member in members:
            paragraph = (inspect.getdoc(member) or "").split("\n\n")[0].replace("\n", " ")
            if 40 < len(paragraph) < 300:
                found[paragraph] = None
        if len(found) >= count:
            break
    return list(found)[:count]


def _hold_out(part: Part, rows: int, seed: int) -> tuple[Part, Part]:
    kept, held_out = train_test_split(
        np.arange(len(part.labels)), test_size=rows, stratify=part.labels, random_state=seed
    )
    return Part(part.rows[kept], part.labels[kept]), Part(part.rows[held_out], part.labels[held_out])


def _flat(images: Images) -> Part:
    """Return the pixels, 0 to 1, as rows."""
    return Part(images.pixels.reshape(len(images), -1) / 255.0, images.labels)


def _file(relative: str) -> str:
    file = local_file(relative)
    if file is None:
        raise DataNotFoundError(f"{relative} is not in the folder that {DATA_VARIABLE} names: put it there")
    return str(file)
