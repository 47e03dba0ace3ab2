"""The last rows that were unlike what their model was trained on."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from service.inference.jobs import Scored
from service.monitoring.context import current_request

KEPT_ROWS = 100
"""The oldest make room."""

ROWS_OF_A_REQUEST = 5
"""At most so many of one request are kept, so that one bad batch does not wash the others away."""

SIGNALS = ("reliability", "typicality", "tail_ratio", "boundary_distance")
"""The outputs that are kept of a row; a regression has no boundary."""


@dataclass(frozen=True, slots=True)
class AtypicalRow:
    """What the model said of a row; nothing that the client sent, except for the request's id."""

    time: datetime
    request_id: str | None
    row: int
    """its place in the request"""
    model: str
    version: str
    label: str | None
    """None of a regression, and then there is a value"""
    value: np.float32 | None
    reliability: np.float32
    typicality: np.float32
    tail_ratio: np.float32
    boundary_distance: np.float32 | None = None
    """None of a regression"""


class RecentRows:
    """A bounded memory of rows that counted as out of distribution, of this process."""

    def __init__(self) -> None:
        self._rows: deque[AtypicalRow] = deque(maxlen=KEPT_ROWS)

    def __iter__(self) -> Iterator[AtypicalRow]:
        """Yield the rows, newest first."""
        return reversed(self._rows)

    def record(self, scored: Scored) -> None:
        """Keep the least typical of those rows of an answered request that are out of distribution."""
        found = np.flatnonzero(scored.run.strange[scored.start : scored.stop])
        if not len(found):
            return
        manifest, scores = scored.run.model.manifest, scored.scores
        typicality = scores["typicality"]
        found = found[np.argsort(typicality[found], kind="stable")][:ROWS_OF_A_REQUEST]
        now, identity = datetime.now(UTC), current_request.get()
        self._rows.extend(
            AtypicalRow(
                time=now,
                request_id=identity.request_id if identity else None,
                row=row,
                model=manifest.name,
                version=str(manifest.version),
                label=manifest.classes[scores["label"][row]] if "label" in scores else None,
                value=scores["value"][row] if "value" in scores else None,
                **{signal: scores[signal][row] for signal in SIGNALS if signal in scores},
            )
            for row in found[::-1].tolist()
        )
