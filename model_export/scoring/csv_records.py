"""Where the records of a CSV file end, without reading what is in them."""

import re
from typing import NamedTuple

import numpy as np

_NEWLINE = ord("\n")


class Records(NamedTuple):
    """The whole records at the beginning of some bytes."""

    stop: int
    """behind the last of them"""
    rows: int
    """how many there are; blank lines are none"""


class RecordFinder:
    """Finds records as pyarrow's reader cuts them, so that what begins at one's end is read as if it stood alone.

    A quotation mark opens a quoted value only where a value begins; within one, two together stand for one, and line
    ends are part of it. Elsewhere it is a character as any other. A line ends with LF, CR LF or CR.

    Args:
        delimiter: one character of ASCII.
    """

    def __init__(self, delimiter: str) -> None:
        mark = re.escape(delimiter).encode()
        plain = rb"[^%b\r\n]*+" % mark
        value = rb'(?:"[^"]*+(?:""[^"]*+)*+"%b|(?!")%b)' % (plain, plain)
        self._record = re.compile(rb"(?P<values>%b(?:%b%b)*+)(?P<end>\r\n|\n|\r|\Z)" % (value, mark, value))

    def find(self, content: bytes, *, last: bool) -> Records:
        """Return the whole records at the beginning of `content`.

        Args:
            content: begins where a record begins.
            last: whether nothing follows, so that the last record needs no line end.
        """
        if b'"' not in content and content.count(b"\r") == content.count(b"\r\n"):
            return _without_quotes(content, last=last)
        stop = rows = 0
        end = len(content)
        while stop < end and (match := self._record.match(content, stop)):
            # What ends where the bytes end may go on, and a CR there may have its LF behind it.
            if not last and (match.end() == end and match["end"] != b"\n" and match["end"] != b"\r\n"):
                break
            stop = match.end()
            rows += bool(match["values"])
        return Records(stop, rows)

    def first_end(self, content: bytes) -> int:
        """Return where the first record of `content` ends, which may be its end."""
        match = self._record.match(content)
        return match.end() if match else len(content)


def _without_quotes(content: bytes, *, last: bool) -> Records:
    """Return the records where every line is one."""
    stop = len(content) if last else content.rfind(b"\n") + 1
    ends = np.flatnonzero(np.frombuffer(content, np.uint8, stop) == _NEWLINE)
    if stop and (not len(ends) or ends[-1] != stop - 1):
        ends = np.append(ends, stop)
    lengths = np.diff(ends, prepend=-1) - 1
    # A line of one byte is blank if that is a CR.
    single = ends[lengths == 1] - 1
    blank = np.count_nonzero(lengths == 0) + sum(content[place] == ord("\r") for place in single.tolist())
    return Records(stop, len(ends) - int(blank))
