"""HTML and SVG out of values, everything escaped that is not markup already."""

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already; any other is data, and is escaped where it becomes part of some."""

    __slots__ = ()


def element(tag: str, *content: str, **attributes: object) -> Markup:
    """Return an element.

    Args:
        tag: its name.
        content: what is in it, in order.
        attributes: by name, an underscore for a dash, and one at the end for names that Python has taken; none where
            the value is None.
    """
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{said}>{join(content)}</{tag}>")


def join(content: Iterable[str]) -> Markup:
    """Return parts one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in content))


def name(text: str) -> Markup:
    """Return a name out of the data: whatever its script, it leaves the direction of what is around it alone."""
    return element("bdi", text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str, *, numbers: int = 0) -> Markup:
    """Return a table that scrolls within itself where it is wider than the page.

    Args:
        head: names of the columns.
        rows: their cells, of which the first names the row.
        caption: what it shows.
        numbers: columns at the end that hold numbers.
    """
    first = len(head) - numbers

    def kind(column: int) -> str | None:
        return "number" if column >= first else None

    titles = (element("th", text, scope="col", class_=kind(column)) for column, text in enumerate(head))
    body = (
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell, class_=kind(column)) for column, cell in enumerate(row[1:], 1)),
        )
        for row in rows
    )
    whole = element(
        "table", element("caption", caption), element("thead", element("tr", *titles)), element("tbody", *body)
    )
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)
