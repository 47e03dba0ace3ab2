"""Small charts as SVG: axes, lines, bars, dots and bands, coloured by the page's style sheet."""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10
from typing import Final

from model_export.report.html import Markup, element

WIDTH: Final = 360.0
"""Of every chart, in units that are pixels on a telephone: its letters are as large as the page's notes there."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 14.0, 24.0, 40.0

Points = Sequence[tuple[float, float]]


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round places within a range, at most so many."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / most
    unit = 10.0 ** floor(log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def percent(value: float) -> str:
    """Return a share as an axis writes it."""
    return f"{100 * value:.3g} %"


def plain(value: float) -> str:
    """Return a number as an axis writes it."""
    return f"{value:.4g}"


class Plot:
    """A chart with two axes, to be drawn into from the back to the front.

    Args:
        x, y: the ranges of the axes.
        x_label, y_label: what they show.
        x_format, y_format: how their numbers are written.
        height: of the whole, beside a width of `WIDTH`.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        x_label: str,
        y_label: str,
        *,
        x_format: Callable[[float], str] = plain,
        y_format: Callable[[float], str] = plain,
        height: float = 230.0,
    ) -> None:
        self._x, self._y, self._height = _wide(x), _wide(y), height
        self._parts: list[Markup] = []
        bottom, right = height - _BOTTOM, WIDTH - _RIGHT
        for place in ticks(*self._y):
            self._line(_LEFT, self.down(place), right, self.down(place), "grid")
            self._text(y_format(place), _LEFT - 6, self.down(place) + 4, "end")
        for place in ticks(*self._x, most=4):
            self._line(self.across(place), bottom, self.across(place), bottom + 4, "axis")
            self._text(x_format(place), self.across(place), bottom + 16, "middle")
        self._line(_LEFT, bottom, right, bottom, "axis")
        self._text(x_label, (_LEFT + right) / 2, height - 6, "middle", "label")
        self._text(y_label, 0, 12, "start", "label")

    def across(self, value: float) -> float:
        """Return where a value of the horizontal axis is."""
        low, high = self._x
        return _LEFT + (WIDTH - _RIGHT - _LEFT) * (value - low) / (high - low)

    def down(self, value: float) -> float:
        """Return where a value of the vertical axis is."""
        low, high = self._y
        bottom = self._height - _BOTTOM
        return bottom - (bottom - _TOP) * (value - low) / (high - low)

    def line(self, points: Points, kind: str, title: str = "") -> None:
        """Draw a line through points."""
        places = " ".join(f"{self.across(x):.1f},{self.down(y):.1f}" for x, y in points)
        self._parts.append(element("polyline", *_title(title), points=places, class_=f"line {kind}"))

    def bar(self, left: float, right: float, low: float, high: float, kind: str, title: str = "") -> None:
        """Draw a bar between two places of each axis."""
        top, bottom = self.down(high), self.down(low)
        self._parts.append(
            element(
                "rect",
                *_title(title),
                x=f"{self.across(left):.1f}",
                y=f"{top:.1f}",
                width=f"{max(self.across(right) - self.across(left), 0.5):.1f}",
                height=f"{max(bottom - top, 0):.1f}",
                class_=kind,
            )
        )

    def dot(self, x: float, y: float, kind: str, title: str = "", radius: float = 4.0) -> None:
        """Draw a dot."""
        at = {"cx": f"{self.across(x):.1f}", "cy": f"{self.down(y):.1f}", "r": f"{radius:g}"}
        self._parts.append(element("circle", *_title(title), **at, class_=kind))

    def whisker(self, x: float, low: float, high: float, kind: str) -> None:
        """Draw an interval of the vertical axis."""
        self._line(self.across(x), self.down(low), self.across(x), self.down(high), f"whisker {kind}")

    def mark(self, x: float, words: str, line: int = 0) -> None:
        """Draw a place of the horizontal axis, named at the top in one of several lines."""
        place = self.across(x)
        self._line(place, _TOP, place, self._height - _BOTTOM, "mark")
        late = place > WIDTH * 0.65
        self._text(words, place + (-4 if late else 4), _TOP + 10 + 14 * line, "end" if late else "start", "label")

    def markup(self, title: str, description: str) -> Markup:
        """Return the chart; `title` and `description` are what a screen reader says of it."""
        return picture(self._parts, WIDTH, self._height, title, description)

    def _line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        at = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
        self._parts.append(element("line", **at, class_=kind))

    def _text(self, words: str, x: float, y: float, anchor: str, kind: str | None = None) -> None:
        self._parts.append(text(words, x, y, anchor=anchor, kind=kind))


def text(
    words: str, x: float, y: float, *, anchor: str = "start", kind: str | None = None, transform: str | None = None
) -> Markup:
    """Return words at a place."""
    return element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=kind, transform=transform)


def picture(parts: Sequence[Markup], width: float, height: float, title: str, description: str) -> Markup:
    """Return a drawing as wide as its column, with what a screen reader says of it."""
    head = element("title", title), element("desc", description)
    box = f"0 0 {width:g} {height:g}"
    return element("svg", *head, *parts, viewBox=box, role="img", aria_label=f"{title}. {description}")


def figure(title: str, drawing: Markup, note: str = "", legend: Sequence[tuple[str, str]] = ()) -> Markup:
    """Return a drawing with its title, what its colours mean as (class, words), and a note below."""
    keys = [element("span", words, class_=f"key {kind}") for kind, words in legend]
    below = [element("p", Markup(" ".join(keys)), class_="legend")] if keys else []
    if note:
        below.append(element("p", note, class_="note"))
    return element("figure", element("figcaption", title), drawing, *below)


def _title(words: str) -> tuple[Markup, ...]:
    return (element("title", words),) if words else ()


def _wide(span: tuple[float, float]) -> tuple[float, float]:
    """Return a range that is one, where all values are the same."""
    low, high = span
    return (low, high) if high > low else (low - 0.5, high + 0.5)
