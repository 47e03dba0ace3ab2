from datetime import UTC, datetime

import numpy as np
import pytest

from service.inference.jobs import Scored
from service.manifest import MANIFEST_FILE, Manifest
from service.monitoring.context import RequestIdentity, current_request
from service.monitoring.recent import KEPT_ROWS, ROWS_OF_A_REQUEST, SIGNALS, RecentRows
from tests.conftest import Exported
from tests.service.inference.made_run import scored


@pytest.fixture(scope="module")
def manifest(exported: Exported) -> Manifest:
    return Manifest.model_validate_json((exported.folder / MANIFEST_FILE).read_bytes())


def scores(manifest: Manifest, *typicality: float) -> Scored:
    """Scores of as many rows; the other signals tell them apart."""
    told = {name: np.arange(len(typicality), dtype=np.float32) + 10 * place for place, name in enumerate(SIGNALS)}
    label = np.arange(len(typicality), dtype=np.int64) % 3
    return scored(manifest, {**told, "label": label, "typicality": np.array(typicality, dtype=np.float32)})


def test_usual_rows_leave_nothing(manifest: Manifest) -> None:
    recent = RecentRows()
    recent.record(scores(manifest, 0.5, 1.0, manifest.reference.thresholds.out_of_distribution.typicality + 1e-4))
    assert list(recent) == []


def test_a_row_at_the_level_is_kept_with_its_signals_and_its_request(manifest: Manifest) -> None:
    recent, level = RecentRows(), manifest.reference.thresholds.out_of_distribution.typicality
    token = current_request.set(RequestIdentity("the-request", None))
    try:
        recent.record(scores(manifest, 0.5, level))
    finally:
        current_request.reset(token)
    (row,) = recent
    assert (row.request_id, row.row, row.model, row.version) == ("the-request", 1, "plant", "1")
    assert row.label == manifest.classes[1]
    assert [row.reliability, row.tail_ratio, row.boundary_distance] == [1, 21, 31]
    assert row.typicality == np.float32(level)
    assert 0 <= (datetime.now(UTC) - row.time).total_seconds() < 60


def test_of_a_request_the_least_typical_few_are_kept_in_their_order(manifest: Manifest) -> None:
    recent = RecentRows()
    recent.record(scores(manifest, *np.linspace(0.01, 0.001, 50)))
    assert [row.row for row in recent] == [49 - place for place in range(ROWS_OF_A_REQUEST)]


def test_the_newest_come_first_and_the_oldest_go(manifest: Manifest) -> None:
    recent = RecentRows()
    for index in range(KEPT_ROWS + 10):
        recent.record(scores(manifest, *[0.5] * index, 0.001))
    assert [row.row for row in recent] == list(range(KEPT_ROWS + 9, 9, -1))
