import numpy as np
import pytest

from model_export.graph.probes import LEVELS, made_up_rows
from service.inference.feeds import Rows
from service.inference.model import Model
from service.inference.tokenizer import END
from tests.conftest import Exported
from tests.service.made_images import HEIGHT, WIDTH
from tests.service.made_texts import FIRST, LAST, MAX_TOKENS


def rows_of(exported: Exported) -> tuple[Model, Rows]:
    model = Model.load(exported.folder, threads=1)
    return model, made_up_rows(exported.folder, model)


@pytest.mark.parametrize("kind", ["exported", "texts", "images"])
def test_rows_are_the_same_each_time_and_the_model_takes_them(kind: str, request: pytest.FixtureRequest) -> None:
    exported: Exported = request.getfixturevalue(kind)
    model, rows = rows_of(exported)
    np.testing.assert_array_equal(rows, rows_of(exported)[1])
    assert len(np.unique(model.score(rows)["label"])) > 1


def test_texts_are_whole_and_of_every_length(texts: Exported) -> None:
    _, rows = rows_of(texts)
    lengths = (rows != END).sum(1)
    assert lengths.min() <= 4
    assert lengths.max() == MAX_TOKENS
    assert (rows[:, 0] == FIRST).all()
    assert (rows[np.arange(len(rows)), lengths - 1] == LAST).all()
    assert len(np.unique(rows)) > 50


def test_pixels_can_be_stepped_and_their_neighbours_are_like_them(images: Exported) -> None:
    _, rows = rows_of(images)
    assert rows.shape[1:] == (HEIGHT, WIDTH, 3)
    assert rows.dtype == np.uint8
    assert rows.min() >= LEVELS
    assert rows.max() <= 255 - LEVELS
    numbers = rows.astype(np.float64)
    assert np.abs(np.diff(numbers, axis=2)).mean() < 0.8 * np.abs(numbers - numbers[::-1]).mean()


def test_values_are_missing_where_the_manifest_allows(exported: Exported) -> None:
    model, rows = rows_of(exported)
    allowed = [feature.may_be_missing for feature in model.manifest.table.features]
    assert np.isnan(rows).any(0).tolist() == allowed
