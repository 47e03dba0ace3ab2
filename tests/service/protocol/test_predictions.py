import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.inference.model import Scores
from service.inputs import Channel, ImageInput, Input, TextInput
from service.manifest import Manifest
from service.protocol.predictions import PredictionWriter
from service.version_folder import read_manifest
from tests.conftest import FEATURES, Exported
from tests.service.inference.made_run import scored

TEXT = TextInput(encoder="a small one", dimensions=5, max_tokens=16, padding=0, example="a usual text")


@pytest.fixture(scope="module")
def manifest(exported: Exported) -> Manifest:
    return read_manifest(exported.folder)


def image_input(height: int, width: int) -> ImageInput:
    channels = tuple(Channel(name=name, mean=120, standard_deviation=60) for name in ImageInput.MODES["RGB"])
    return ImageInput(height=height, width=width, mode="RGB", channels=channels, resize="refuse")


def make_scores(manifest: Manifest, rows: int) -> Scores:
    draw = np.random.default_rng(0)
    signals = ("reliability", "typicality", "boundary_distance", "jacobian_norm", "tail_ratio", "expected_level")
    return {name: draw.random(rows, np.float32) for name in signals} | {
        "label": draw.integers(0, len(manifest.classes), rows),
        "probabilities": draw.random((rows, len(manifest.classes)), np.float32),
        "sensitivity": draw.normal(size=(rows, *manifest.input.gradient_shape)).astype(np.float32),
    }


def of_kind(manifest: Manifest, taken: Input, **changed: object) -> Manifest:
    return manifest.model_copy(update={"input": taken, **changed})


def written(
    manifest: Manifest, scores: Scores, *, sensitivity: bool, altered: NDArray[np.bool_] | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Return the predictions and the length of the longest piece."""
    pieces = list(
        PredictionWriter(manifest).write(scored(manifest, scores), "an id", sensitivity=sensitivity, altered=altered)
    )
    answer = json.loads(b"".join(pieces))
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (manifest.name, "1", "an id")
    return answer["predictions"], max(map(len, pieces))


def test_a_prediction_of_a_table_has_its_sensitivity_by_feature_and_says_no_more_than_it_used_to(
    manifest: Manifest,
) -> None:
    scores = make_scores(manifest, 3)
    predictions, _ = written(manifest, scores, sensitivity=True)
    assert list(predictions[0]) == ["label", "probabilities", "reliability"]
    assert list(predictions[0]["reliability"]) == [
        "score",
        "advice",
        "typicality",
        "out_of_distribution",
        "boundary_distance",
        "jacobian_norm",
        "tail_ratio",
        "sensitivity",
    ]
    assert list(predictions[0]["reliability"]["sensitivity"]) == list(FEATURES)
    found = [list(prediction["reliability"]["sensitivity"].values()) for prediction in predictions]
    assert np.array_equal(np.array(found, np.float32), scores["sensitivity"])


def test_a_sensitivity_that_is_not_asked_for_is_left_out(manifest: Manifest) -> None:
    predictions, _ = written(manifest, make_scores(manifest, 2), sensitivity=False)
    assert all("sensitivity" not in prediction["reliability"] for prediction in predictions)


def test_a_prediction_of_a_text_says_whether_it_was_cut_and_what_the_signals_are_with_respect_to(
    manifest: Manifest,
) -> None:
    manifest = of_kind(manifest, TEXT)
    scores = make_scores(manifest, 2)
    predictions, _ = written(manifest, scores, sensitivity=True, altered=np.array([False, True]))
    assert [prediction["truncated"] for prediction in predictions] == [False, True]
    assert {prediction["reliability"]["with_respect_to"] for prediction in predictions} == {"sentence embedding"}
    assert np.array_equal(np.array(predictions[1]["reliability"]["sensitivity"], np.float32), scores["sensitivity"][1])
    whole, _ = written(manifest, scores, sensitivity=False)
    assert [prediction["truncated"] for prediction in whole] == [False, False]


def test_a_prediction_of_an_ordinal_model_has_its_level_and_its_expected_level(manifest: Manifest) -> None:
    manifest = of_kind(manifest, manifest.input, task="ordinal")
    scores = make_scores(manifest, 4)
    predictions, _ = written(manifest, scores, sensitivity=False)
    assert [manifest.classes[prediction["level"]] for prediction in predictions] == [
        prediction["label"] for prediction in predictions
    ]
    assert np.array_equal(
        np.array([prediction["expected_level"] for prediction in predictions], np.float32), scores["expected_level"]
    )


@pytest.mark.parametrize("side", [4, 150])
def test_the_sensitivity_of_an_image_is_a_map_of_its_size_however_large(manifest: Manifest, side: int) -> None:
    manifest = of_kind(manifest, image_input(side, side + 1))
    scores = make_scores(manifest, 3)
    predictions, longest = written(manifest, scores, sensitivity=True)
    assert predictions[0]["reliability"]["with_respect_to"] == "pixels"
    assert "truncated" not in predictions[0]
    found = np.array([prediction["reliability"]["sensitivity"] for prediction in predictions], np.float32)
    assert np.array_equal(found, scores["sensitivity"])
    assert longest < 16 * 32_768
    rest, _ = written(manifest, scores, sensitivity=False)
    for prediction in predictions:
        del prediction["reliability"]["sensitivity"]
    assert predictions == rest


def test_rows_of_a_wide_model_are_written_a_few_at_a_time(manifest: Manifest) -> None:
    features = tuple(
        manifest.table.features[0].model_copy(update={"name": f"feature {index}"}) for index in range(4096)
    )
    manifest = of_kind(manifest, manifest.table.model_copy(update={"features": features}))
    predictions, longest = written(manifest, make_scores(manifest, 30), sensitivity=True)
    assert longest < 8 * 4096 * 35
    assert len(predictions) == 30
    assert len(predictions[29]["reliability"]["sensitivity"]) == 4096
