"""What a client says was right, once it is known."""

from typing import Annotated

import msgspec

from service.errors import FeedbackUnknownError, shown

LONGEST_REPEATED = 64
"""What a client wrote is repeated to it up to this length."""


class TrueLabel(msgspec.Struct, frozen=True):
    """The true label, or the true value, of a row that was answered."""

    id: str
    """of the answer"""
    label: str | None = None
    """a class of the model; of a model of classes"""
    row: Annotated[int, msgspec.Meta(ge=0)] = 0
    """of the answer, counted from 0"""
    value: float | None = None
    """in the target's unit; of a regression"""

    @property
    def process(self) -> str:
        """The part of the id that names the process that answered."""
        return self.id.partition("-")[0]


def unknown(told: TrueLabel) -> FeedbackUnknownError:
    """Return the refusal of an id that was not given out, as far as anyone here knows."""
    return FeedbackUnknownError(
        f"no answer {shown(told.id, LONGEST_REPEATED)!r} is known here: tell the replica that gave it; what a process "
        "answered is forgotten when it ends"
    )
