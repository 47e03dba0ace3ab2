"""A task on texts with a small random encoder, frozen and fine-tuned, from texts to what the service answers."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from sklearn.base import clone

from model_export.errors import DataError, EncoderError, ExportError
from model_export.graph.onnx_writer import check_graph
from model_export.tasks.text_set import Texts, TextSet
from model_export.tasks.text_task import TextTask
from model_export.text.fine_tuning import FineTuning
from model_export.training import ChainzRuleClassifier, ChainzRuleOrdinalClassifier
from service.inference.model import Model
from service.inputs import TextInput
from service.manifest import MODEL_FILE, TOKENIZER_FILE
from service.version_folder import read_manifest
from tests.model_export.text.reviews import made_up_reviews
from tests.model_export.text.tiny_encoder import save_encoder


def load_reviews() -> TextSet:
    training, validation, test = (Texts(*made_up_reviews(rows, seed)) for rows, seed in ((900, 1), (150, 2), (300, 3)))
    return TextSet(training, validation, test, "1,350 made-up reviews")


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> TextTask:
    folder = save_encoder(tmp_path_factory.mktemp("encoders") / "tiny-bert", layers=1)
    return TextTask(
        name="reviews",
        description="Whether a made-up review is bad, neither, or good",
        data="generated",
        load=load_reviews,
        classes=("bad", "neither", "good"),
        example="the film is good",
        head=ChainzRuleClassifier((16,), max_epochs=15, patience=5),
        folder=lambda: folder,
        encoder_name=None,
        max_tokens=16,
        calibration_rows=250,
    )


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def frozen(reviews: TextTask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return reviews.export(tmp_path_factory.mktemp("repository"))


def test_the_manifest_describes_what_was_trained(frozen: Path) -> None:
    manifest = read_manifest(frozen)
    assert (manifest.name, manifest.version, manifest.classes) == ("reviews", 1, ("bad", "neither", "good"))
    assert manifest.input == TextInput(
        encoder="tiny-bert, mean of the last layer, unit length, float32",
        dimensions=16,
        max_tokens=16,
        padding=0,
        example="the film is good",
    )
    assert set(manifest.files) == {MODEL_FILE, TOKENIZER_FILE}
    assert manifest.training.rows + manifest.training.validation_rows + manifest.reference.rows == 1050
    assert manifest.reference.rows == 250
    assert manifest.training.data == "generated, 1,350 made-up reviews"
    assert manifest.network.layers == ("dense 16 → 16", "linear 16 → 3")
    check_graph(onnx.load(frozen / MODEL_FILE))


def test_its_held_out_figures_are_what_the_service_answers(frozen: Path) -> None:
    evaluation, test = read_manifest(frozen).evaluation, load_reviews().test
    assert evaluation.rows == 300
    assert evaluation.accuracy > evaluation.majority_accuracy
    model = Model.load(frozen, threads=1)
    assert model.tokenizer is not None
    scores = model.score(model.tokenizer.encode(test.texts).rows)
    assert (scores["label"] == test.labels).mean() == pytest.approx(evaluation.accuracy)
    assert scores["reliability"].mean() == pytest.approx(evaluation.mean_reliability, abs=1e-6)
    assert scores["sensitivity"].shape == (300, 16)


def test_encoder_and_head_are_trained_together(reviews: TextTask, tmp_path: Path) -> None:
    head = FineTuning((16,), encoder_rate=3e-3, head_rate=1e-2, batch_size=16, max_epochs=5)
    folder = replace(reviews, name="tuned", head=head).export(tmp_path)
    manifest = read_manifest(folder)
    assert isinstance(manifest.input, TextInput)
    assert manifest.input.encoder == "tiny-bert fine-tuned, mean of the last layer, unit length, float32"
    assert manifest.evaluation.accuracy > manifest.evaluation.majority_accuracy + 0.2
    assert manifest.training.rows + manifest.training.validation_rows == 800
    assert manifest.network.activation == "polynomial of degree 3"
    # The standardiser in the graph is that of the embeddings as they are now.
    model = onnx.load(folder / MODEL_FILE)
    assert any(name.name.startswith("head.") for name in model.graph.initializer)


def test_an_encoder_in_int8_is_named_as_such(reviews: TextTask, tmp_path: Path) -> None:
    manifest = read_manifest(replace(reviews, int8=True, head=clone(reviews.head)).export(tmp_path))
    assert isinstance(manifest.input, TextInput)
    assert manifest.input.encoder.endswith("unit length, int8")


def test_levels_in_order_have_an_expected_one(reviews: TextTask, tmp_path: Path) -> None:
    head = ChainzRuleOrdinalClassifier((16,), max_epochs=15, patience=5)
    manifest = read_manifest(replace(reviews, head=head).export(tmp_path))
    assert manifest.task == "ordinal"
    assert manifest.evaluation.mean_absolute_error is not None
    assert "expected_level" in [value.name for value in onnx.load(tmp_path / "reviews/1" / MODEL_FILE).graph.output]


def test_the_same_seed_gives_the_same_folder(reviews: TextTask, frozen: Path, tmp_path: Path) -> None:
    again = reviews.export(tmp_path)
    assert (again / MODEL_FILE).read_bytes() == (frozen / MODEL_FILE).read_bytes()
    assert (again / TOKENIZER_FILE).read_bytes() == (frozen / TOKENIZER_FILE).read_bytes()


def test_a_class_that_no_training_text_has_is_reported(reviews: TextTask, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="have 3 of the 4 classes: give texts of each"):
        replace(reviews, classes=("a", "b", "c", "d")).export(tmp_path)


def test_a_version_that_is_taken_is_refused_before_the_texts_are_read(reviews: TextTask, frozen: Path) -> None:
    def load() -> TextSet:
        raise AssertionError("the texts were read")

    with pytest.raises(ExportError, match="export version 2"):
        replace(reviews, load=load).export(frozen.parent.parent, version=1)


def test_a_folder_without_an_encoder_is_refused(reviews: TextTask, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="holds no encoder"):
        replace(reviews, folder=lambda: tmp_path).export(tmp_path / "repository")
    assert not (tmp_path / "repository").exists()
    assert torch.get_num_threads() == 1
