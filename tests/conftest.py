"""What several test modules need: a small table, a network fitted to it, and repositories of models of each kind."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import settings
from numpy.typing import NDArray
from sklearn.base import clone

from model_export.estimator_export import Rows, export_estimator
from model_export.graph.calibration import Calibration, calibrate
from model_export.graph.publication import ModelCard
from model_export.graph.regression.calibration import Target
from model_export.own_data import text_column
from model_export.own_data.training import TrainedTable, train_table
from model_export.tasks.table_task import TableTask
from model_export.text.encoder import load_encoder
from model_export.text.graph import EncoderGraph, export_encoder
from model_export.training import ChainzRuleClassifier, ChainzRuleOrdinalClassifier, ChainzRuleRegressor
from tests.own_table import CARD, QUICK, make_tickets, trained_loans
from tests.service.made_images import image_input, write_images
from tests.service.made_texts import write_texts

# A landing must not hang on a lucky draw; at a desk every run draws anew.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

FEATURES = ("temperature", "pressure", "flow rate", "age")


def make_table(rows: int, seed: int) -> tuple[pd.DataFrame, "pd.Series[str]"]:
    """Three classes that a curved boundary separates, with noise, and gaps in two of the four features."""
    generator = np.random.default_rng(seed)
    standard = generator.normal(size=(rows, len(FEATURES)))
    score = standard[:, 0] + 0.5 * standard[:, 1] ** 2 + 0.3 * generator.normal(size=rows)
    labels = pd.Series(np.array(["low", "medium", "high"])[np.digitize(score, [0.0, 1.0])])
    table = pd.DataFrame(standard * [10, 2, 500, 1] + [20, 5, 1000, 0], columns=list(FEATURES))
    table["temperature"] = table["temperature"].mask(generator.random(rows) < 0.1)
    table["flow rate"] = table["flow rate"].mask(generator.random(rows) < 0.1)
    return table, labels


def codes_of(labels: "pd.Series[str]") -> NDArray[np.int64]:
    """The index of each label among the sorted classes."""
    return np.searchsorted(["high", "low", "medium"], labels.to_list()).astype(np.int64)


@pytest.fixture(scope="session")
def table() -> tuple[pd.DataFrame, "pd.Series[str]"]:
    return make_table(600, seed=1)


@pytest.fixture(scope="session")
def estimator(table: tuple[pd.DataFrame, "pd.Series[str]"]) -> ChainzRuleClassifier:
    return ChainzRuleClassifier((16, 12), max_epochs=40, patience=10, random_state=0).fit(*table)


@pytest.fixture(scope="session")
def calibration(estimator: ChainzRuleClassifier, table: tuple[pd.DataFrame, "pd.Series[str]"]) -> Calibration:
    return calibrate(estimator, table[0], *make_table(300, seed=2))


def load_plant() -> pd.DataFrame:
    features, labels = make_table(900, seed=3)
    return features.assign(grade=labels)


PLANT = TableTask(
    name="plant",
    description="Grade of a made-up plant's output",
    data="generated",
    load=load_plant,
    target="grade",
    class_names={name: name for name in ("low", "medium", "high")},
    units={"temperature": "°C", "pressure": "bar", "flow rate": "L/h", "age": None},
    estimator=ChainzRuleClassifier((16, 12), max_epochs=40, patience=10),
)


class Exported(NamedTuple):
    repository: Path
    folder: Path


def load_grades() -> pd.DataFrame:
    """The same table; its grade counts from 1 as stars do, and follows the score behind the three classes."""
    features, labels = make_table(900, seed=4)
    return features.assign(stars=labels.map({"low": 1, "medium": 2, "high": 3}))


STARS = TableTask(
    name="stars",
    description="Stars of a made-up plant's output",
    data="generated",
    load=load_grades,
    target="stars",
    class_names={1: "1 star", 2: "2 stars", 3: "3 stars"},
    units=dict.fromkeys(FEATURES),
    estimator=ChainzRuleOrdinalClassifier((16, 12), max_epochs=40, patience=10),
)


@pytest.fixture(scope="session")
def ordinal(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the ordinal model "stars". Not to be written to."""
    repository = tmp_path_factory.mktemp("repository")
    return Exported(repository, STARS.export(repository, seed=0))


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the model "plant", made by a task as the command line makes one. Not to be written to."""
    repository = tmp_path_factory.mktemp("repository")
    return Exported(repository, PLANT.export(repository, seed=0))


def make_measured(rows: int, seed: int) -> tuple[pd.DataFrame, "pd.Series[float]"]:
    """The same features and a number whose noise grows with the pressure."""
    table, _ = make_table(rows, seed)
    generator = np.random.default_rng(seed + 1000)
    known = table.fillna(table.mean())
    pressure = (known["pressure"] - 5) / 2
    noise = generator.normal(size=rows) * np.exp(pressure / 2)
    return table, 100 + known["temperature"] + 5 * pressure**2 + 3 * noise


def export_yield(repository: Path) -> Path:
    """Write version 1 of the regression model "yield"."""
    training, calibration, test = (Rows(*make_measured(rows, seed)) for rows, seed in ((600, 5), (300, 6), (300, 7)))
    regressor = ChainzRuleRegressor((16, 12), max_epochs=60, patience=15, learning_rate=0.005, random_state=0)
    return export_estimator(
        regressor.fit(*training),
        repository,
        ModelCard("yield", "Yield of a made-up plant", "generated"),
        training=training,
        calibration=calibration,
        test=test,
        target=Target("yield", "kg/h"),
        units={"temperature": "°C"},
    )


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the model "yield", which predicts a number. Not to be written to."""
    repository = tmp_path_factory.mktemp("regression")
    return Exported(repository, export_yield(repository))


@pytest.fixture(scope="session")
def loans(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the model "loans", of a table with categories and dates. Not to be written to."""
    repository = tmp_path_factory.mktemp("loans")
    return Exported(repository, trained_loans().export(repository, CARD))


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an encoder of one layer with random weights."""
    from tests.model_export.text.tiny_encoder import save_encoder  # seconds to load, for few tests

    return save_encoder(tmp_path_factory.mktemp("encoder") / "tiny", layers=1)


@pytest.fixture(scope="session")
def tiny_graph(tiny_encoder: Path) -> EncoderGraph:
    """What that encoder is exported as, which takes five seconds."""
    encoder = load_encoder(tiny_encoder, "mean")
    return export_encoder(encoder, encoder.longest)


@pytest.fixture(scope="session")
def trained_tickets(
    tiny_encoder: Path, tiny_graph: EncoderGraph, tmp_path_factory: pytest.TempPathFactory
) -> TrainedTable:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(text_column, "export_encoder", lambda *_: tiny_graph)
        frame = make_tickets(900, seed=1).drop(columns="stars")
        return train_table(frame, "paid", estimator=clone(QUICK), encoder=tiny_encoder)


@pytest.fixture(scope="session")
def tickets(trained_tickets: TrainedTable, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the model "tickets", of a table with a text. Not to be written to."""
    repository = tmp_path_factory.mktemp("tickets")
    card = ModelCard("tickets", "Whether a made-up loan was paid back, by what was said too", "generated")
    return Exported(repository, trained_tickets.export(repository, card))


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the model "reviews". Not to be written to."""
    repository = tmp_path_factory.mktemp("texts")
    return Exported(repository, write_texts(repository))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the models "sketches", grey and of one size, and "photos", colour and stretched; the folder is
    photos'. Not to be written to."""
    repository = tmp_path_factory.mktemp("images")
    write_images(repository, "sketches", image_input("L", "refuse"))
    return Exported(repository, write_images(repository, "photos", image_input("RGB", "stretch")))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small networks are faster on one thread, and two cores stay free for what is measured."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
