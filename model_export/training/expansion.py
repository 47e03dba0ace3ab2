"""A table's categories, dates and text as columns of numbers, inside the network's graph."""

from math import pi
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_export.training.standardiser import InputStandardiser, Standardiser
from service.features import UNSEEN

MISSING = -2.0
"""Stands for a missing category where NaN would compare with nothing."""

_YEAR, _WEEK = 365.2425, 7.0
_MONDAY = -3.0
"""The last one before 1970, in days."""


class Indicator(NamedTuple):
    """A column that is 1 where a feature's category is one of `lowest` … `highest` and 0 elsewhere."""

    feature: int
    lowest: float
    highest: float
    share: float
    """of the training rows; stands in for an unseen category, as a mean does for a missing number"""
    name: str


class Range(NamedTuple):
    """A number or a date and the values that it is held within."""

    feature: int
    lowest: float
    highest: float


class Embedded(NamedTuple):
    """A text, whose embedding stands behind the features of a row."""

    feature: int
    dimensions: int


class Expansion(nn.Module):
    """Rows of a table [N, F], as `TableInput` has them, as columns of numbers [N, n]; NaN where one is not known.

    First the numbers, then an indicator for each category that is common enough, one for all others and one for
    missing ones where there are any, then of each date the days, and sine and cosine of the time of the year, of the
    week and, where times of day count, of the day; last the embedding of a text, which is the rows' [N, F + D].

    Args:
        features: F.
        numbers: each held within its range, lest one wrong value becomes the scale of its column.
        indicators: of the categories.
        dates: each held within its range, where float32 tells days apart.
        times: which of the dates have times of day.
        text: whose embedding is not known where its feature is NaN.
    """

    numbers: Tensor
    number_bounds: Tensor
    sources: Tensor
    code_bounds: Tensor
    shares: Tensor
    dates: Tensor
    date_bounds: Tensor
    origins: Tensor
    timed: Tensor

    def __init__(
        self,
        features: int,
        numbers: list[Range],
        indicators: list[Indicator],
        dates: list[Range],
        times: list[bool],
        text: Embedded | None = None,
    ) -> None:
        super().__init__()
        self.features = features
        self.text = text
        self._keep("numbers", "number_bounds", numbers)
        self._keep("dates", "date_bounds", dates)
        self._keep("sources", "code_bounds", [Range(*indicator[:3]) for indicator in indicators])
        self.register_buffer("shares", torch.tensor([i.share for i in indicators], dtype=torch.float64))
        # Whole weeks from a Monday, so that the time of the week survives: differences are exact in float32.
        middle = self.date_bounds.mean(0)
        self.register_buffer("origins", _MONDAY + _WEEK * torch.round((middle - _MONDAY) / _WEEK))
        self.register_buffer("timed", torch.tensor([i for i, timed in enumerate(times) if timed], dtype=torch.int64))

    def _keep(self, index: str, bounds: str, ranges: list[Range]) -> None:
        self.register_buffer(index, torch.tensor([r.feature for r in ranges], dtype=torch.int64))
        limits = torch.tensor([(r.lowest, r.highest) for r in ranges], dtype=torch.float64).reshape(-1, 2).T
        self.register_buffer(bounds, limits)

    @property
    def owners(self) -> Tensor:
        """The feature that each column is made of, [n]."""
        each = self.dates
        parts = [self.numbers, self.sources, *[each] * 5, *[each[self.timed]] * 2 * (len(self.timed) > 0)]
        if self.text is not None:
            parts.append(torch.full((self.text.dimensions,), self.text.feature))
        return torch.cat(parts)

    @property
    def width(self) -> int:
        """What a row holds: its features, and a text's embedding."""
        return self.features + (0 if self.text is None else self.text.dimensions)

    def forward(self, x: Tensor) -> Tensor:
        """Return the columns [N, n] of rows x [N, F], or [N, F + D] with a text's embedding."""
        parts = []
        if len(self.numbers):
            parts.append(_within(x[:, self.numbers], self.number_bounds))
        if len(self.sources):
            codes = torch.where(torch.isnan(x), MISSING, x)[:, self.sources]
            inside = (codes >= self.code_bounds[0]) & (codes <= self.code_bounds[1])
            parts.append(torch.where(codes == UNSEEN, self.shares, inside.to(x.dtype)))
        if len(self.dates):
            days = _within(x[:, self.dates], self.date_bounds) - self.origins
            parts += [days, *_wave(days, _YEAR), *_wave(torch.floor(days), _WEEK)]
            if len(self.timed):
                parts += _wave(days[:, self.timed], 1.0)
        if self.text is not None:
            missing = torch.isnan(x[:, self.text.feature : self.text.feature + 1])
            parts.append(torch.where(missing, torch.nan, x[:, self.features :]))
        return torch.cat(parts, 1)


def _within(values: Tensor, bounds: Tensor) -> Tensor:
    """Return the values held within their bounds; NaN stays, whatever a runtime's minimum makes of it."""
    return torch.where(torch.isnan(values), values, torch.minimum(torch.maximum(values, bounds[0]), bounds[1]))


def _wave(days: Tensor, period: float) -> tuple[Tensor, Tensor]:
    """Return sine and cosine of the time since the last whole period."""
    angle = (days - period * torch.floor(days / period)) * (2 * pi / period)
    return torch.sin(angle), torch.cos(angle)


class TableStandardiser(InputStandardiser):
    """Expands rows of a table, then fills and standardises the columns.

    Args:
        expansion: of the rows.
        columns: fitted to the expanded training rows.
    """

    signed: Tensor
    blocks: Tensor
    categorical: Tensor

    def __init__(self, expansion: Expansion, columns: Standardiser) -> None:
        super().__init__()
        self.expansion = expansion
        self.columns = columns
        owners, width = expansion.owners, len(columns.mean)
        members = torch.zeros(width, expansion.features, dtype=torch.float64)
        members[torch.arange(width), owners] = 1
        numbers = len(expansion.numbers)
        self.register_buffer("categorical", torch.unique(expansion.sources))
        self.register_buffer("signed", members.clone())
        self.register_buffer("blocks", members)
        self.signed[numbers:] = 0
        self.blocks[:numbers] = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return the standardised columns [N, n] of rows x, as the expansion takes them."""
        return cast("Tensor", self.columns(self.expansion(x)))

    def gradient(self, gradient: Tensor) -> Tensor:
        """Return a gradient by columns [N, n] by features [N, F]: of all but numbers its norm over their columns.

        So the norm of the whole stays what it was.
        """
        return gradient @ self.signed + torch.sqrt(gradient.square() @ self.blocks)

    def example(self, rows: int) -> Tensor:
        """Return rows of zeros: the commonest categories, the first of January 1970."""
        return torch.zeros(rows, self.expansion.width)

    def unseen(self, x: Tensor) -> Tensor | None:
        """Return which rows [N] have a category that training did not have."""
        return (x[:, self.categorical] == UNSEEN).any(1) if len(self.categorical) else None

    def rows(self, standard: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return raw rows that are about so many deviations from the middle; NaN stays.

        Of numbers, dates and embeddings that is meant literally. A category is the one that so many deviations fall on
        when the six around the middle are shared out among all, and unseen beyond.
        """
        rows = standard.copy()
        width = len(self.expansion.numbers)
        mean, deviation = self.columns.mean.numpy(), self.columns.deviation.numpy()
        first_date = width + len(self.expansion.sources)
        for index, origin, column in (
            (self.expansion.numbers, 0.0, np.arange(width)),
            (self.expansion.dates, self.expansion.origins.numpy(), first_date + np.arange(len(self.expansion.dates))),
        ):
            rows[:, index] = origin + mean[column] + deviation[column] * standard[:, index]
        if (text := self.expansion.text) is not None:
            last = slice(-text.dimensions, None)
            rows[:, last] = mean[last] + deviation[last] * standard[:, last]
        for feature in self.categorical.tolist():
            categories = self.expansion.code_bounds[1, self.expansion.sources == feature].max().item() + 1
            codes = np.floor((standard[:, feature] + 3) / 6 * categories)
            outside = (codes < 0) | (codes >= categories)
            rows[:, feature] = np.where(outside, UNSEEN, codes)
        return rows
