"""Every query of the dashboards that Grafana loads."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

DASHBOARDS = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"

_VARIABLES = {"$namespace": ".*", "$model": ".+", "$version": ".+", "$instance": ".+", "$__rate_interval": "20s"}


class PanelQuery(NamedTuple):
    dashboard: str
    panel: str
    expression: str
    """with all variables at "All", and the interval that Grafana computes for a scrape every 5 s"""


def panels_of(dashboard: str) -> Iterator[dict[str, Any]]:
    """Every panel of a dashboard, those within rows included, but not the rows."""
    for panel in json.loads((DASHBOARDS / f"{dashboard}.json").read_text(encoding="utf-8"))["panels"]:
        yield from panel["panels"] if panel["type"] == "row" else [panel]


def panel_queries() -> list[PanelQuery]:
    return [
        PanelQuery(dashboard, panel["title"], _substituted(target["expr"]))
        for dashboard in ("fleet", "model", "service")
        for panel in panels_of(dashboard)
        for target in panel["targets"]
    ]


def _substituted(expression: str) -> str:
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression
