"""Versions with their reports, made once: of a table with classes, and of a quantity."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from model_export.graph.publication import ModelCard
from model_export.own_data.training import TrainedTable, train_table
from model_export.report.publication import REPORT_FILE, publish_reported
from model_export.report.subject import Subject, of_table
from model_export.training import ChainzRuleRegressor
from tests.own_table import CARD, trained_loans


class Reported(NamedTuple):
    trained: TrainedTable
    folder: Path
    subject: Subject
    """Its baselines fitted once"""

    @property
    def html(self) -> str:
        return (self.folder / REPORT_FILE).read_text(encoding="utf-8")


def report(trained: TrainedTable, card: ModelCard, repository: Path) -> Reported:
    about = of_table(trained)
    baselines = list(about.baselines())
    about = replace(about, baselines=lambda: iter(baselines))
    folder, failed = publish_reported(lambda aside: trained.export(aside, card, version=1), about, repository)
    assert failed is None
    return Reported(trained, folder, about)


@pytest.fixture(scope="session")
def reported_loans(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return report(trained_loans(), CARD, tmp_path_factory.mktemp("loans"))


HOSTILE = "<script>document.title='taken'</script><img src=http://example.org/x.png onerror=alert(1)> & 'more'"
"""Neither a quotation mark nor a backslash: those a column may not have."""


@pytest.fixture(scope="session")
def reported_prices(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """A quantity of which much is hostile: the names of a column and of its categories."""
    generator = np.random.default_rng(0)
    size, kind = generator.normal(size=400), generator.choice([HOSTILE, "</title></svg>\"'", "\u202eplain"], 400)
    price = 3 * size + (kind == "\u202eplain") + generator.normal(size=400)
    frame = pd.DataFrame({HOSTILE: size, "kind</style>": kind, "same": "<b>x</b>", "price": price})
    estimator = ChainzRuleRegressor((8, 6), max_epochs=5, batch_size=64)
    trained = train_table(frame, "price", estimator=estimator)
    return report(trained, ModelCard("prices", HOSTILE, HOSTILE), tmp_path_factory.mktemp("prices"))
