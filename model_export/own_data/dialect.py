"""How CSV files are written: what stands between values, and for one that is missing."""

import csv
from io import StringIO
from itertools import islice

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "?")
"""What stands for a value that is not known."""

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
DECIMAL_COMMA = r"[+-]?\d+(?:,\d+)?"
"""A number as it is written where a comma stands before decimals, and another delimiter between values."""

_MOST_LINES = 50


def find_delimiter(text: str) -> str:
    """Return the delimiter that cuts the first lines into as many values as the header, and into most of them."""
    best, score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            rows = csv.reader(StringIO(text), delimiter=delimiter)
            widths = [len(row) for row in islice(rows, _MOST_LINES) if row]
        except csv.Error:
            continue  # a line that it does not cut is longer than a value may be
        if not widths or widths[0] == 1:
            continue
        agreeing = sum(width == widths[0] for width in widths) / len(widths)
        if (agreeing, widths[0]) > score:
            best, score = delimiter, (agreeing, widths[0])
    return best
