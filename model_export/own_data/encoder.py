"""From the values of a table's columns to the numbers that clients' rows become, and to the columns of the network."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from model_export.errors import DataError
from model_export.own_data.columns import ColumnPlan
from model_export.training.expansion import MISSING, Embedded, Expansion, Indicator, Range, TableStandardiser
from model_export.training.standardiser import Standardiser
from service.dates import date_of
from service.features import UNSEEN, CategoricalFeature, Column, DateFeature, Feature, TextFeature
from service.inputs import TableInput, TextInput

Values = Mapping[str, NDArray[Any]]
"""Each column's values [N], as `values_of` returns them; of a text the number of its tokens, NaN of a missing one."""

_FEWEST_OF_A_CATEGORY, _MOST_INDICATORS = 10, 50
"""A category of fewer training rows, or beyond so many, shares a column with all such."""

_OUTER = 0.005
"""Share of the training rows at either end of a number that say nothing of its scale."""

_DAYS_AROUND = 366.0
"""At least so far beyond its training range a date goes on to count."""


class _Category(NamedTuple):
    categories: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int


class TableEncoder(NamedTuple):
    """What was learned of the columns from the training rows."""

    features: tuple[Column, ...]
    """With a mean of 0 and a deviation of 1 until `describe` knows the network's"""
    ranges: tuple[Range, ...]
    """of the numbers, then of the dates"""
    indicators: tuple[Indicator, ...]

    @classmethod
    def fit(cls, plans: Sequence[ColumnPlan], values: Values, texts: TextInput | None = None) -> Self:
        """Return the encoder of training rows.

        Args:
            plans: the columns to be learned from.
            values: of the training rows.
            texts: what becomes of the column that is a text, if one is.

        Raises:
            DataError: if a column has no value in any of them.
        """
        features: list[Column] = []
        ranges: list[Range] = []
        indicators: list[Indicator] = []
        for index, plan in enumerate(plans):
            column = values[plan.name]
            if bool(np.all(pd.isna(column))):
                raise DataError(f"column '{plan.name}' has no value in any training row: drop it")
            match plan.kind:
                case "number":
                    features.append(_number(plan.name, column))
                    ranges.append(Range(index, *_plausible(column)))
                case "date":
                    feature = _date(plan.name, column)
                    features.append(feature)
                    earliest, latest = feature.bounds
                    around = max(latest - earliest, _DAYS_AROUND)
                    ranges.append(Range(index, np.floor(earliest - around), np.ceil(latest + around)))
                case "text":
                    if texts is None:
                        raise TypeError(f"{plan.name} is a text: say what embeds it")
                    features.append(_text(plan.name, column, texts))
                case _:
                    category = _count(column)
                    features.append(_categorical(plan, category, len(column)))
                    indicators += _indicators(index, plan.name, category, len(column))
        return cls(tuple(features), tuple(ranges), tuple(indicators))

    def rows(self, values: Values) -> NDArray[np.float64]:
        """Return rows [N, F] as the graph takes them, a text's embedding aside; see `TableInput`."""
        return np.column_stack([_encoded(feature, values[feature.name]) for feature in self.features])

    def expansion(self) -> Expansion:
        """Return what makes the network's columns of such rows."""
        kinds = [self.features[range_.feature].kind for range_ in self.ranges]
        numbers, dates = (
            [range_ for range_, kind in zip(self.ranges, kinds, strict=True) if kind == wanted]
            for wanted in ("number", "date")
        )
        times = [getattr(self.features[range_.feature], "times", False) for range_ in dates]
        texts = [
            Embedded(index, feature.dimensions)
            for index, feature in enumerate(self.features)
            if isinstance(feature, TextFeature)
        ]
        return Expansion(len(self.features), numbers, list(self.indicators), dates, times, next(iter(texts), None))

    def expand(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the network's columns [N, n] of rows, as the expansion takes them; NaN where one is not known."""
        expanded: NDArray[np.float64] = self.expansion()(torch.from_numpy(rows)).numpy()
        return expanded

    def standardiser(self, columns: Standardiser) -> TableStandardiser:
        """Return the whole way from rows to what the network takes, given how its columns are standardised."""
        return TableStandardiser(self.expansion(), columns)

    def describe(self, columns: Standardiser, ignored: tuple[str, ...]) -> TableInput:
        """Return what a manifest says of the rows.

        Args:
            columns: fitted to the expanded training rows.
            ignored: columns of the file that are not learned from.
        """
        features = list(self.features)
        # Units of sensitivity are the network's own, whose columns of numbers come first and of dates after indicators.
        numbers = sum(isinstance(feature, Feature) for feature in features)
        places = [*range(numbers), *range(numbers + len(self.indicators), len(columns.mean))]
        expansion = self.expansion()
        origins = [0.0] * numbers + expansion.origins.tolist()
        owners = [*expansion.numbers.tolist(), *expansion.dates.tolist()]
        # Behind the days of the dates come their other parts, which have no unit of their own.
        for place, feature, origin in zip(places, owners, origins, strict=False):
            scale = {"mean": origin + columns.mean[place].item(), "standard_deviation": columns.deviation[place].item()}
            features[feature] = features[feature].model_copy(update=scale)
        taken = {feature.name for feature in features if isinstance(feature, TextFeature)}
        tensor = "columns" if "features" in taken else "features"
        return TableInput(tensor=tensor, features=tuple(features), clamp=columns.clamp, ignored=ignored)


def _number(name: str, column: NDArray[np.float64]) -> Feature:
    return Feature(
        name=name,
        minimum=float(np.nanmin(column)),
        maximum=float(np.nanmax(column)),
        mean=0.0,
        standard_deviation=1.0,
        may_be_missing=bool(np.isnan(column).any()),
        missing_ratio=float(np.isnan(column).mean()),
        example=float(np.nanmedian(column)),
    )


def _plausible(column: NDArray[np.float64]) -> tuple[float, float]:
    """Return what a number is held within: as far beyond the usual values as these are apart.

    One wrong value must not become the scale of its column, nor the place where cubics are far outside training.
    """
    low, high = np.nanquantile(column, [_OUTER, 1 - _OUTER])
    smallest, largest = float(np.nanmin(column)), float(np.nanmax(column))
    if low == high:
        return smallest, largest
    # Beyond training the clamp of the standardiser holds it.
    apart = 3 * (high - low)
    return (
        float(low - apart) if smallest < low - apart else -np.inf,
        float(high + apart) if largest > high + apart else np.inf,
    )


def _date(name: str, column: NDArray[np.float64]) -> DateFeature:
    known = column[~np.isnan(column)]
    times = bool(np.any(known != np.floor(known)))
    return DateFeature(
        kind="date",
        name=name,
        earliest=date_of(float(known.min()), times=times),
        latest=date_of(float(known.max()), times=times),
        times=times,
        mean=0.0,
        standard_deviation=1.0,
        may_be_missing=len(known) < len(column),
        missing_ratio=1 - len(known) / len(column),
        example=date_of(float(np.quantile(known, 0.5, method="nearest")), times=times),
    )


def _text(name: str, tokens: NDArray[np.float64], texts: TextInput) -> TextFeature:
    return TextFeature(
        **texts.model_dump(),
        name=name,
        shortest=int(np.nanmin(tokens)),
        longest=int(np.nanmax(tokens)),
        may_be_missing=bool(np.isnan(tokens).any()),
        missing_ratio=float(np.isnan(tokens).mean()),
    )


def _count(column: NDArray[Any]) -> _Category:
    counts = Counter(column.tolist())
    missing = counts.pop(None, 0)
    # The more frequent first; of equally frequent ones by name, so that the same rows give the same codes.
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return _Category(tuple(text for text, _ in ordered), tuple(count for _, count in ordered), missing)


def _categorical(plan: ColumnPlan, category: _Category, rows: int) -> CategoricalFeature:
    return CategoricalFeature(
        kind="category",
        name=plan.name,
        categories=category.categories,
        boolean=plan.kind == "boolean",
        may_be_missing=category.missing > 0,
        missing_ratio=category.missing / rows,
        example=category.categories[0],
    )


def _indicators(index: int, name: str, category: _Category, rows: int) -> list[Indicator]:
    """Return a column for each common category, one for all rarer ones, and one for missing ones if there are any."""
    common = sum(count >= _FEWEST_OF_A_CATEGORY for count in category.counts[:_MOST_INDICATORS]) or 1
    last = len(category.categories)
    if last == common + 1:
        common = last  # a single rarer one needs no company
    found = [
        Indicator(index, code, code, category.counts[code] / rows, f"{name} = {category.categories[code]}")
        for code in range(common)
    ]
    if common < last:
        found.append(Indicator(index, common, last - 1, sum(category.counts[common:]) / rows, f"{name} is a rarer one"))
    if category.missing:
        found.append(Indicator(index, MISSING, MISSING, category.missing / rows, f"{name} is missing"))
    return found


def _encoded(feature: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    if not isinstance(feature, CategoricalFeature):
        return values.astype(np.float64)
    codes: dict[str | None, float] = {text: float(code) for code, text in enumerate(feature.categories)}
    codes[None] = np.nan
    return np.array([codes.get(value, UNSEEN) for value in values.tolist()], dtype=np.float64)
