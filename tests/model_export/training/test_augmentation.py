import pytest
import torch

from model_export.training.augmentation import Augmentation


def numbered(count: int, size: int = 6) -> torch.Tensor:
    """Images whose pixels tell where they are: red their row, green their column, blue the image."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    images = torch.stack([torch.stack([rows, columns, torch.full_like(rows, image)], -1) for image in range(count)])
    return images.to(torch.uint8)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_image_stays_in_its_place_and_keeps_its_shape_and_type() -> None:
    images = numbered(20)
    moved = Augmentation(shift=2, flip=True)(images, generator())
    assert (moved.shape, moved.dtype) == (images.shape, torch.uint8)
    assert torch.equal(moved[..., 2], images[..., 2])
    assert not torch.equal(moved, images)


def test_an_image_moves_by_up_to_the_shift_and_is_reflected_at_its_edge() -> None:
    moved = Augmentation(shift=2, flip=False)(numbered(200), generator())
    rows = {tuple(image[:, 0, 0].tolist()) for image in moved}
    columns = {tuple(image[0, :, 1].tolist()) for image in moved}
    expected = {
        (2, 1, 0, 1, 2, 3),
        (1, 0, 1, 2, 3, 4),
        (0, 1, 2, 3, 4, 5),
        (1, 2, 3, 4, 5, 4),
        (2, 3, 4, 5, 4, 3),
    }
    assert rows == columns == expected


def test_about_half_of_the_images_are_mirrored_left_to_right_alone() -> None:
    images = numbered(400)
    mirrored = Augmentation(shift=0, flip=True)(images, generator())
    flipped = (mirrored[:, 0, 0, 1] == 5).float().mean().item()
    assert flipped == pytest.approx(0.5, abs=0.1)
    assert torch.equal(mirrored[..., 0], images[..., 0])


def test_without_shift_and_flip_nothing_changes() -> None:
    images = numbered(5)
    assert torch.equal(Augmentation(shift=0, flip=False)(images, generator()), images)


def test_the_generator_decides() -> None:
    images, augmentation = numbered(50), Augmentation(shift=2, flip=True)
    first, again, other = (augmentation(images, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_shift_beyond_the_image_stops_at_its_edge() -> None:
    moved = Augmentation(shift=9, flip=False)(numbered(50, size=2), generator())
    assert set(moved[..., 0].flatten().tolist()) == {0, 1}


def test_a_negative_shift_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be moved by up to -1 pixels"):
        Augmentation(shift=-1, flip=False)
