"""Images a little moved and mirrored, so that a network sees each one anew in every epoch."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """Moves each image by up to `shift` pixels in both directions, and mirrors every other one if `flip` is set.

    What moves into the image from outside is the image's own reflection at its edge. Black would be an edge of its own
    in a photograph; around a digit it makes no difference.

    Args:
        shift: the largest move, in pixels; 0 for none.
        flip: whether left and right mean the same; not so for digits.

    Raises:
        ValueError: if `shift` is negative.
    """

    shift: int
    flip: bool

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise ValueError(f"an image cannot be moved by up to {self.shift} pixels: give 0 or more")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return images [N, height, width, channels] of any type, each moved and mirrored by its own draw.

        The generator lives on the CPU, so that the draws are the same whatever device holds the images.
        """
        count, height, width, _ = images.shape
        rows = _moved(count, height, self.shift, generator)
        columns = _moved(count, width, self.shift, generator)
        if self.flip:
            mirrored = torch.rand(count, generator=generator) < 0.5
            columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        each = torch.arange(count)[:, None, None]
        picked: Tensor = images[
            each.to(images.device), rows[:, :, None].to(images.device), columns[:, None, :].to(images.device)
        ]
        return picked


def _moved(count: int, size: int, shift: int, generator: torch.Generator) -> Tensor:
    """Return which of `size` places each place of `count` moved images shows, [count, size]."""
    shift = min(shift, size - 1)
    moves = torch.randint(-shift, shift + 1, (count, 1), generator=generator)
    places = torch.arange(size) + moves
    last = size - 1
    return last - (last - places.abs()).abs()
