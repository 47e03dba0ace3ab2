"""A whole study on a small made-up set."""

import numpy as np
import pandas as pd
import pytest

from model_export.studies import reliability, runs
from model_export.studies.rows import Rows
from model_export.studies.shifts import table_shifts
from model_export.studies.study_sets import STUDIES, Part, Study, StudySet
from model_export.training import ChainzRuleClassifier
from tests.conftest import codes_of, make_table


def load(seed: int) -> StudySet:
    def part(rows: int, number: int) -> Part:
        table, labels = make_table(rows, seed=100 * seed + number)
        return Part(table.to_numpy(copy=True), codes_of(labels))

    training, calibration, test = part(300, 0), part(200, 1), part(150, 2)
    shifts = tuple(table_shifts(*test, training.rows, seed))
    new = shifts[0]._replace(name="strangers", severity=2, labels=None, own_rows=True)
    return StudySet(training, calibration, test, (*shifts, new), 1000 * seed + np.arange(150))


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> runs.Records:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reliability, "OTHER_MEMBERS", 1)
        patch.setitem(STUDIES, "plant", Study(ChainzRuleClassifier((12,), max_epochs=15), load))
        found = runs.run_all(["plant"], 2, folder)
        # A second call reads what the first has written.
        patch.setattr(runs, "run", None)
        again = runs.run_all(["plant"], 2, folder)
    pd.testing.assert_frame_equal(found.scores, again.scores)
    pd.testing.assert_frame_equal(found.windows, again.windows)
    return found


@pytest.fixture(scope="session")
def polynomial(records: runs.Records) -> Rows:
    """The rows of the first seed's polynomial network."""
    return records.rows("plant", "polynomial")[0]
