"""Numbers and names as the report writes them."""

from math import isnan


def share(value: float) -> str:
    """Return a share in per cent."""
    return f"{100 * value:.1f} %"


def number(value: float) -> str:
    """Return a number with four digits, and a dash where there is none."""
    return "–" if isnan(value) else f"{value + 0.0:.4g}"


def points(value: float) -> str:
    """Return a difference of shares in points."""
    return f"{100 * value:+.1f}"


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def chance(p: float) -> str:
    """Return a p-value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def listed(names: list[str]) -> str:
    """Return names as a sentence has them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
