"""Every query of the dashboards and every recorded series has data, of a real service at work."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import yaml

from tests.deploy.panel_queries import panel_queries
from tests.deploy.prometheus import REQUIRES_PROMETHEUS, RULES, Prometheus, scraping
from tests.deploy.traffic import under_traffic
from tests.service.process import running

MODELS = Path(__file__).parents[2] / "deploy" / "models"

PATIENCE_SECONDS = 60
"""for all queries together"""

pytestmark = [pytest.mark.prometheus, REQUIRES_PROMETHEUS]

RIGHTLY_EMPTY = {
    ("fleet", "What is firing"): "nothing has been wrong for long enough",
    ("service", "Errors, by code"): "the pumps' clients make no mistake, and codes that do not occur are left out",
}

QUERIES = [
    pytest.param(query.expression, id=f"{query.dashboard}: {query.panel}")
    for query in panel_queries()
    if (query.dashboard, query.panel) not in RIGHTLY_EMPTY
]

RECORDS = [
    rule["record"]
    for group in yaml.safe_load((RULES / "recording.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


class Watched(NamedTuple):
    prometheus: Prometheus
    deadline: float

    def comes_to_have(self, expression: str) -> bool:
        """Whether an expression has a value that is a number, by the deadline at the latest."""
        while not (found := any(series["value"][1] != "NaN" for series in self.prometheus.query(expression))):
            if time.monotonic() > self.deadline:
                break
            time.sleep(0.5)
        return found


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    # Two workers, so that there is something to say of workers too.
    with (
        running(MODELS, "--workers", "2", "--threads", "1", "--canary", "pump/2=0.1") as service,
        scraping([urlsplit(service.url).netloc], tmp_path_factory.mktemp("prometheus")) as prometheus,
        under_traffic(service.url),
    ):
        yield Watched(prometheus, time.monotonic() + PATIENCE_SECONDS)


@pytest.mark.parametrize("expression", QUERIES)
def test_a_panels_query_has_data(watched: Watched, expression: str) -> None:
    assert watched.comes_to_have(expression)


@pytest.mark.parametrize("record", RECORDS)
def test_a_recorded_series_has_data(watched: Watched, record: str) -> None:
    assert watched.comes_to_have(record)


def test_what_rightly_has_no_data_is_asked_for() -> None:
    asked = {(query.dashboard, query.panel) for query in panel_queries()}
    assert asked.issuperset(RIGHTLY_EMPTY)


def test_no_rule_fails(watched: Watched) -> None:
    rules = [rule for group in watched.prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in rules} > set(RECORDS)
    assert not {rule["name"]: rule["lastError"] for rule in rules if rule.get("lastError")}
