"""What becomes of a run's scores besides being answered with."""

from service.inference.jobs import Run
from service.monitoring.feedback import Feedback
from service.monitoring.metrics import Metrics


class Recorder:
    """Counts every run, and remembers its rows for the truth that may be told of them.

    Args:
        metrics: where it is counted.
        feedback: remembers the rows.
    """

    def __init__(self, metrics: Metrics, feedback: Feedback) -> None:
        self._metrics = metrics
        self._feedback = feedback

    def __call__(self, run: Run) -> None:
        """Record a run, all its requests at once, and number its rows."""
        self._metrics.of(run.model).record(run.rows, run.scores)
        run.number = self._feedback.remember(run.model.manifest, run.scores, run.starts)
