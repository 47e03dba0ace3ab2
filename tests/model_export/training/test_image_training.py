from dataclasses import replace

import numpy as np
import pytest
import torch

from model_export.errors import DataError
from model_export.training import Schedule, image_training
from model_export.training.architecture import Architecture
from model_export.training.augmentation import Augmentation
from model_export.training.image_training import ImageTraining, TrainedOnImages
from model_export.training.images import Images
from tests.model_export.gratings import gratings

CONVOLUTIONAL = ImageTraining(
    Architecture("convolutional", (4, 8)),
    Augmentation(shift=1, flip=True),
    epochs=4,
    learning_rate=0.02,
    dreg=Schedule(1e-5),
    batch_size=32,
    validation_share=0.2,
)
DENSE = replace(CONVOLUTIONAL, architecture=Architecture("dense", (16,)))


@pytest.fixture(scope="module")
def images() -> Images:
    return gratings(400, seed=0)


@pytest.fixture(scope="module")
def trained(images: Images) -> TrainedOnImages:
    torch.set_num_threads(1)  # what is done for each test comes too late for this
    return CONVOLUTIONAL.fit(images, 2, seed=0)


def logits(trained: TrainedOnImages, images: Images) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = trained.network(trained.standardiser(torch.from_numpy(images.pixels)).float())
    return found


def accuracy(trained: TrainedOnImages, images: Images) -> float:
    return float((logits(trained, images).argmax(1).numpy() == images.labels).mean())


def test_a_convolutional_network_learns_and_says_how(trained: TrainedOnImages) -> None:
    assert accuracy(trained, gratings(300, seed=1)) > 0.95
    assert (trained.training_rows, trained.validation_rows, trained.epochs) == (320, 80, 4)
    assert trained.validation_accuracy > 0.9
    assert not trained.network.training
    assert not any(parameter.requires_grad for parameter in trained.network.parameters())


def test_dense_layers_learn_from_grey_pixels_too() -> None:
    trained = replace(DENSE, epochs=15).fit(gratings(600, seed=0, channels=1), 2, seed=0)
    assert accuracy(trained, gratings(300, seed=1, channels=1)) > 0.8
    assert trained.network.words[0] == "flatten 1×8×8"


def test_the_same_seed_gives_the_same_network_and_leaves_the_global_one_alone(images: Images) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, again, other = (logits(CONVOLUTIONAL.fit(images, 2, seed=seed), images) for seed in (0, 0, 1))
    torch.testing.assert_close(torch.rand(1), expected)
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (first - other).abs().max() > 1e-3


def test_the_epoch_with_the_lowest_validation_loss_is_kept(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, torch.Tensor]] = []
    evaluate = image_training._Run._evaluate

    def remember(self: image_training._Run, validation: image_training._Batches) -> image_training._Epoch:
        epoch = evaluate(self, validation)
        # As if the second epoch had been the best, whatever it was.
        epoch = epoch._replace(loss=0.0 if len(seen) == 1 else 1.0)
        seen.append({name: value.clone() for name, value in self.network.state_dict().items()})
        return epoch

    monkeypatch.setattr(image_training._Run, "_evaluate", remember)
    kept = CONVOLUTIONAL.fit(images, 2, seed=0).network.state_dict()
    assert len(seen) == 4
    assert all(torch.equal(kept[name], value) for name, value in seen[1].items())
    assert not all(torch.equal(kept[name], value) for name, value in seen[3].items())


def test_its_validation_figures_are_of_rows_it_did_not_train_on(trained: TrainedOnImages, images: Images) -> None:
    validation = images.hold_out(0.2, seed=0)[1]
    assert accuracy(trained, validation) == pytest.approx(trained.validation_accuracy)
    loss = torch.nn.functional.cross_entropy(logits(trained, validation), torch.from_numpy(validation.labels))
    assert loss.item() == pytest.approx(trained.validation_loss, rel=1e-4)


def test_dreg_shrinks_the_jacobian(images: Images) -> None:
    def mean_norm(weight: float) -> float:
        trained = replace(DENSE, dreg=Schedule(weight)).fit(images, 2, seed=0)
        with torch.no_grad():
            trace = trained.network.trace(trained.standardiser(torch.from_numpy(images.pixels)).float())
            margin = torch.tensor([1.0, -1.0]).expand(len(images), 2)
            return float(
                torch.linalg.vector_norm(trained.network.pullback(trace.records, margin).flatten(1), dim=1).mean()
            )

    assert mean_norm(0.1) < 0.7 * mean_norm(0.0)


def test_a_batch_of_one_image_is_left_out(images: Images) -> None:
    trained = CONVOLUTIONAL.fit(images.pick(np.arange(81)), 2, seed=0)
    assert trained.training_rows % CONVOLUTIONAL.batch_size == 0
    odd = replace(CONVOLUTIONAL, epochs=1).fit(images.pick(np.arange(122)), 2, seed=0)
    assert odd.training_rows % CONVOLUTIONAL.batch_size == 1


def test_a_training_that_diverges_is_refused(images: Images) -> None:
    with pytest.raises(DataError, match="training diverged in epoch 1: lower the learning rate"):
        replace(DENSE, learning_rate=1e20).fit(images, 2, seed=0)


def test_a_label_beyond_the_classes_is_refused(images: Images) -> None:
    with pytest.raises(DataError, match=r"the label of image \d+ is 1, and there are 1 classes"):
        CONVOLUTIONAL.fit(images, 1, seed=0)


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"batch_size": 1}, {"validation_share": 1.0}])
def test_settings_that_cannot_train_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give at least 1 epoch"):
        replace(CONVOLUTIONAL, **settings)  # type: ignore[arg-type]


def test_an_interruption_ends_training(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(image_training, "dreg_penalty", interrupt)
    with pytest.raises(KeyboardInterrupt):
        CONVOLUTIONAL.fit(images, 2, seed=0)


def test_a_progress_bar_is_drawn_when_asked_for(images: Images, capsys: pytest.CaptureFixture[str]) -> None:
    replace(DENSE, epochs=2).fit(images, 2, seed=0)
    assert capsys.readouterr().out == ""
    replace(DENSE, epochs=2).fit(images, 2, seed=0, progress=True)
    assert "2/2" in capsys.readouterr().out


def test_a_size_that_the_stages_cannot_halve_is_refused() -> None:
    with pytest.raises(ValueError, match="2 stages halve the image 1 times"):
        CONVOLUTIONAL.fit(gratings(50, seed=0, size=7), 2, seed=0)


def test_an_architecture_has_words_for_its_activation() -> None:
    assert CONVOLUTIONAL.architecture.activation_in_words == "polynomial of degree 3"
    assert Architecture("dense", (4,), activation="relu").activation_in_words == "relu"
