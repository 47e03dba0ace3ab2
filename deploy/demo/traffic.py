"""Play a day of the pumps' traffic in minutes: `python -m deploy.demo.traffic --url http://localhost:8080`."""

import argparse
import http.client
import json
import math
import signal
import sys
import time
from collections import deque
from contextlib import closing
from types import FrameType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from deploy.demo.day import distort, phase_at, requests_a_second
from deploy.demo.pumps import CLASSES, UNITS, draw

MODEL = "/v1/models/pump"
MOST_ROWS = 16
FEEDBACK_SHARE = 0.5
FEEDBACK_SECONDS = 5.0
"""What became of a pump is known so long after it was asked for."""

RETRY_SECONDS = 1.0


class Outcome(NamedTuple):
    """Labels that will be known later."""

    due: float
    prediction: str
    labels: list[str]


class Client:
    """Posts JSON on one connection, made anew when it is lost."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: object) -> tuple[int, Any]:
        """Return the status and the decoded answer.

        Raises:
            OSError: if the service cannot be reached.
        """
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            self._connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            response = self._connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise OSError(f"no answer from {self._address}: {error}") from error

    def close(self) -> None:
        """Give the connection up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Day:
    """One day of traffic.

    Args:
        client: where it goes.
        minutes: how long the day lasts.
        seed: of the pumps that are drawn.
    """

    def __init__(self, client: Client, minutes: float, seed: int) -> None:
        self._client = client
        self._seconds_an_hour = minutes * 60.0 / 24.0
        self._generator = np.random.default_rng(seed)
        self._outcomes: deque[Outcome] = deque()
        self.rows = 0
        self.refused = 0

    def play(self) -> None:
        """Send requests until the day is over, saying what happens."""
        began, said = time.monotonic(), ""
        while (hour := (time.monotonic() - began) / self._seconds_an_hour) < 24.0:
            phase = phase_at(hour)
            if phase.name != said:
                said = phase.name
                _say(f"{_clock(hour)}  {said}")
            try:
                self._ask(hour)
                self._tell()
            except OSError as error:
                _say(f"{_clock(hour)}  {error}; trying again")
                time.sleep(RETRY_SECONDS)
            time.sleep(self._generator.exponential(1.0 / requests_a_second(hour)))
        _say(f"24:00  the day is over: {self.rows} rows predicted, {self.refused} requests refused")

    def _ask(self, hour: float) -> None:
        pumps = draw(self._generator, int(self._generator.integers(1, MOST_ROWS, endpoint=True)))
        rows = distort(pumps.rows, hour, self._generator).tolist()
        instances = [
            {name: None if math.isnan(value) else value for name, value in zip(UNITS, row, strict=True)} for row in rows
        ]
        status, answer = self._client.post(f"{MODEL}:predict", {"instances": instances})
        if status != 200:
            self.refused += 1
            return
        self.rows += len(rows)
        if self._generator.random() < FEEDBACK_SHARE:
            labels = [CLASSES[label] for label in pumps.labels]
            self._outcomes.append(Outcome(time.monotonic() + FEEDBACK_SECONDS, answer["id"], labels))

    def _tell(self) -> None:
        """Send the true labels that have become known."""
        items = []
        while self._outcomes and self._outcomes[0].due <= time.monotonic():
            outcome = self._outcomes.popleft()
            items += [{"id": outcome.prediction, "row": row, "label": x} for row, x in enumerate(outcome.labels)]
        if items:
            self._client.post(f"{MODEL}:feedback", {"feedback": items})


def _clock(hour: float) -> str:
    return f"{int(hour):02d}:{int(hour % 1 * 60):02d}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _stop(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main(arguments: list[str] | None = None) -> None:
    """Play one day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://localhost:8080")
    parser.add_argument("--day-minutes", type=float, default=24.0, help="how long the day lasts")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    with closing(Client(given.url)) as client:
        Day(client, given.day_minutes, given.seed).play()


if __name__ == "__main__":
    main()
