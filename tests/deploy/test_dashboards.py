"""The dashboards are what the code builds, and ask for what the service and the rules have."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.dashboards.__main__ import FOLDER, rendered
from deploy.dashboards.board import UIDS
from tests.deploy.exposed import exposed_samples
from tests.deploy.panel_queries import DASHBOARDS, panel_queries, panels_of
from tests.deploy.prometheus import REQUIRES_PROMETHEUS, RULES

NAMES = sorted(UIDS)

KEYWORDS = {"and", "or", "unless", "bool", "offset"}


def load(name: str) -> dict[str, Any]:
    board: dict[str, Any] = json.loads((DASHBOARDS / f"{name}.json").read_text(encoding="utf-8"))
    return board


def test_what_is_committed_is_what_the_code_builds() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == rendered(), "run: python -m deploy.dashboards"


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_shows_and_what_to_do(name: str) -> None:
    panels = list(panels_of(name))
    assert len(panels) > 10
    for panel in panels:
        assert panel["title"]
        assert len(panel["description"]) > 40, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        values = panel["options"]["yAxis"] if panel["type"] == "heatmap" else panel["fieldConfig"]["defaults"]
        assert values["unit"], panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"prometheus"}, panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_no_two_panels_share_a_number_or_a_place(name: str) -> None:
    board = load(name)
    everything = board["panels"] + [inner for panel in board["panels"] for inner in panel.get("panels", [])]
    assert max(Counter(panel["id"] for panel in everything).values()) == 1
    cells = Counter(
        (x, y)
        for panel in everything
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    )
    assert max(cells.values()) == 1
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("name", NAMES)
def test_every_dashboard_leads_to_the_others_and_marks_alerts(name: str) -> None:
    board = load(name)
    assert board["uid"] == UIDS[name]
    (link,) = board["links"]
    assert link["type"] == "dashboards"
    assert set(link["tags"]) <= set(board["tags"])
    (annotation,) = board["annotations"]["list"]
    assert 'alertstate="firing"' in annotation["expr"]


def test_every_metric_is_the_services_or_recorded() -> None:
    known = exposed_samples() | recorded() | {"up", "ALERTS"}
    queries = panel_queries()
    assert sum(len(metrics_in(query.expression)) for query in queries) >= len(queries) > 50
    unknown = {
        (query.dashboard, query.panel): missing
        for query in queries
        if (missing := metrics_in(query.expression) - known)
    }
    assert not unknown


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le) (rate(a_bucket{le!="x",b=~"c"}[5m])) / on (d) group_left () e', {"a_bucket", "e"}),
        ("histogram_quantile(0.99, a:b:c5m) > 1 or vector(0)", {"a:b:c5m"}),
    ],
)
def test_names_of_metrics_are_found(expression: str, names: set[str]) -> None:
    assert metrics_in(expression) == names


@pytest.mark.prometheus
@REQUIRES_PROMETHEUS
def test_every_query_parses(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:query:{number}", "expr": query.expression} for number, query in enumerate(panel_queries())
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    check = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr
    assert f"{len(rules)} rules found" in check.stdout


def recorded() -> set[str]:
    groups = yaml.safe_load((RULES / "recording.yml").read_text(encoding="utf-8"))["groups"]
    return {rule["record"] for group in groups for rule in group["rules"]}


def metrics_in(expression: str) -> set[str]:
    """The names in an expression that are neither labels nor functions."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]', "", expression)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)", "", bare)
    return set(re.findall(r"[a-zA-Z_:][\w:]*(?![\w:]| *\()", bare)) - KEYWORDS
