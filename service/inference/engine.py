"""Running models off the event loop."""

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from service.inference.model import Model, Scores


class Engine:
    """Scores rows in a thread of its own, one run at a time, so that nothing else waits for a graph.

    onnxruntime releases the interpreter while it runs; parallel work within one run is `Settings.threads`.
    """

    def __init__(self) -> None:
        self._turns = anyio.CapacityLimiter(1)

    async def score(self, model: Model, rows: NDArray[np.float32]) -> Scores:
        """Return the scores of rows [N, features], as `Model.score` does."""
        return await anyio.to_thread.run_sync(model.score, rows, limiter=self._turns)
