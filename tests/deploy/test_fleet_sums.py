"""What Prometheus makes of three replicas is what one would compute from all their answers together.

Exactly: the rules' own expressions, with each counter as it stands in the place of its increase over a window, which
Prometheus extrapolates. What is counted or summed then agrees to the last digits that a sum's order leaves open; of the
99th percentile the bucket is exact, and the value within it interpolated.
"""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from deploy.demo.pumps import PRESSURE, TEMPERATURE, draw
from service.monitoring.bounds import SHARE_BOUNDS, TAIL_RATIO_BOUNDS
from service.monitoring.references import typicality_share
from service.version_folder import read_manifest
from tests.deploy.prometheus import REQUIRES_PROMETHEUS, RULES, Prometheus, scraping
from tests.service.process import running

pytestmark = [pytest.mark.prometheus, REQUIRES_PROMETHEUS]

PUMP = Path(__file__).parents[2] / "deploy" / "models" / "pump"
MANIFEST = read_manifest(PUMP / "1")

EXPRESSIONS = {
    rule["record"]: rule["expr"]
    for group in yaml.safe_load((RULES / "recording.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}


def at_an_instant(expression: str) -> str:
    """Return a rule's expression with counters in the place of their increases, and records written out."""
    expression = re.sub(r"increase\(\s*([^\[]+)\[5m\]\s*\)", r"\1", expression)
    return re.sub(r"\w+:chainzrule_\w+:\w+", lambda name: f"({at_an_instant(EXPRESSIONS[name[0]])})", expression)


class Answers:
    """What the clients were told."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, float, float]] = []
        self.missing = 0

    def add(self, url: str, rows: NDArray[np.float64]) -> None:
        """Ask the replica at `url` about rows [N, 5], in one request."""
        instances = [[None if np.isnan(value) else value for value in row] for row in rows]
        answer = httpx2.post(f"{url}/v1/models/pump:predict", json={"instances": instances}, trust_env=False)
        assert answer.status_code == 200
        signals = [prediction["reliability"] for prediction in answer.json()["predictions"]]
        self._rows += [(each["score"], each["typicality"], each["tail_ratio"]) for each in signals]
        self.missing += int(np.isnan(rows[:, PRESSURE]).sum())

    @property
    def count(self) -> int:
        return len(self._rows)

    def signal(self, index: int) -> NDArray[np.float32]:
        return np.array([row[index] for row in self._rows], np.float32)

    def figures(self) -> dict[str, float]:
        """Return what the records of the same names should be."""
        scores, typicality, tail_ratio = (self.signal(index).astype(float) for index in range(3))
        mean = tail_ratio.mean()
        shares = [(self.signal(1) <= np.float32(bound)).mean() for bound in SHARE_BOUNDS]
        expected = [typicality_share(bound, MANIFEST.reference.rows) for bound in SHARE_BOUNDS]
        above = next(bound for bound in TAIL_RATIO_BOUNDS if bound >= MANIFEST.reference.tail_ratio)
        assert np.isfinite(typicality).all()
        return {
            "model:chainzrule_rows:increase5m": self.count,
            "model:chainzrule_expected_error:ratio5m": (1 - scores).mean(),
            "model:chainzrule_reliability:mean5m": scores.mean(),
            "model:chainzrule_tail_ratio:mean5m": mean,
            "model:chainzrule_tail_ratio:p99_per_mean5m": self.interpolated_p99() / mean,
            "model:chainzrule_tail_ratio:above_reference_ratio5m": (self.signal(2) > np.float32(above)).mean(),
            "model:chainzrule_typicality:ks5m": np.abs(np.subtract(shares, expected)).max(),
            "model:chainzrule_typicality:ks_critical5m": self.critical,
            'model_feature:chainzrule_missing:ratio5m{feature="pressure"}': self.missing / self.count,
        }

    @property
    def critical(self) -> float:
        return float(1.95 * np.sqrt(1 / self.count + 1 / MANIFEST.reference.rows))

    def interpolated_p99(self) -> float:
        """Return the 99th percentile as a histogram has it, which is within the bucket of the true one."""
        bounds = np.array(TAIL_RATIO_BOUNDS)
        values = np.sort(self.signal(2))
        cumulative = values.searchsorted(bounds.astype(np.float32), side="right")
        rank = 0.99 * self.count
        bucket = int(np.argmax(cumulative >= rank))
        lower, before = bounds[bucket - 1], cumulative[bucket - 1]
        assert lower < values[int(np.ceil(rank)) - 1] <= np.float32(bounds[bucket])
        return float(lower + (bounds[bucket] - lower) * (rank - before) / (cumulative[bucket] - before))


class Fleet(NamedTuple):
    urls: list[str]
    prometheus: Prometheus

    def value(self, expression: str) -> float:
        (series,) = self.prometheus.query(expression)
        return float(series["value"][1])

    def has(self, expression: str, seconds: float = 20) -> bool:
        """Whether the expression comes to have a value within this time."""
        deadline = time.monotonic() + seconds
        while not (found := self.prometheus.query(expression)) and time.monotonic() < deadline:
            time.sleep(0.2)
        return bool(found)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    repository = tmp_path_factory.mktemp("repository")
    shutil.copytree(PUMP, repository / "pump")
    with ExitStack() as stack:
        started = [stack.enter_context(running(repository, "--threads", "1", "--drain-seconds", "0")) for _ in range(3)]
        urls = [service.url for service in started]
        prometheus = stack.enter_context(
            scraping([urlsplit(url).netloc for url in urls], tmp_path_factory.mktemp("prometheus"))
        )
        yield Fleet(urls, prometheus)


def test_the_fleets_figures_are_those_of_all_answers_together(fleet: Fleet) -> None:
    assert fleet.has('count(chainzrule_rows_total{model="pump"} == 0) == 3'), "each was scraped before any traffic"
    generator, answers = np.random.default_rng(0), Answers()

    def send(replica: int, count: int, *, too_hot: float = 0.0) -> None:
        rows = draw(generator, count).rows
        rows[:, TEMPERATURE] += too_hot
        for part in np.array_split(rows, count // 25):
            answers.add(fleet.urls[replica], part)

    # Uneven shares, so that a mean of the replicas' means would be another.
    for replica, count in enumerate((700, 300, 75)):
        send(replica, count)
    assert_agree(fleet, answers)
    assert answers.figures()["model:chainzrule_typicality:ks5m"] < answers.critical
    assert not fleet.prometheus.query("model:chainzrule_typicality:ks5m > model:chainzrule_typicality:ks_critical5m")

    # One replica is sent a room full of hot pumps.
    send(2, 1000, too_hot=16.0)
    assert_agree(fleet, answers)
    assert answers.figures()["model:chainzrule_typicality:ks5m"] > answers.critical
    assert fleet.has("model:chainzrule_typicality:ks5m > model:chainzrule_typicality:ks_critical5m")


def assert_agree(fleet: Fleet, answers: Answers) -> None:
    """Assert that every figure is the answers' own, once all of them were scraped."""
    assert fleet.has(f'sum(chainzrule_rows_total{{model="pump"}}) == {answers.count}')
    figures = answers.figures()
    found = {}
    for name in figures:
        record, brace, _ = name.partition("{")
        expression = f"({at_an_instant(EXPRESSIONS[record])})"
        chosen = f'{expression} and on (feature) label_replace(vector(1), "feature", "pressure", "", "")'
        found[name] = fleet.value(chosen if brace else expression)
    assert found == pytest.approx(figures, rel=1e-9)
