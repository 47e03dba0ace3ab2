"""How long a run will take, by what has been seen of it."""

from datetime import timedelta


class Estimate:
    """The time that is left of units which were expected to take so many seconds on one core.

    What is left is scaled by how long the units done have taken beside what was expected of them.

    Args:
        expected: seconds of all units to run.
        jobs: units that run at once.
    """

    def __init__(self, expected: float, jobs: int) -> None:
        self._left = expected
        self._jobs = jobs
        self._expected_of_done = 0.0
        self._taken = 0.0

    def done(self, expected: float, taken: float) -> None:
        """Count a unit that was expected to take so many seconds and took so many."""
        self._left -= expected
        self._expected_of_done += expected
        self._taken += taken

    def left(self, since: float = 0.0) -> float:
        """Return the seconds that are left, `since` seconds after the last unit was done."""
        scale = self._taken / self._expected_of_done if self._expected_of_done else 1.0
        return max(0.0, self._left * scale / self._jobs - since)


def in_words(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
