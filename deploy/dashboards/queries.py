"""Queries to Prometheus, and the choices that they follow."""

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

DATASOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")

FIRING = 'ALERTS{alertname=~"ChainzRule.*",alertstate="firing"}'
FLEET = 'namespace=~"$namespace"'
EVERY_VERSION = f'{{{FLEET},model=~"$model"}}'
CHOSEN = f'{{{FLEET},model=~"$model",version=~"$version"}}'
REPLICAS = f'{FLEET},instance=~"$instance"'


def over_time(expression: str, name: str) -> Dataquery:
    """Return a query for lines over the chosen time, called by `name`, in which `{{label}}` stands for its value."""
    return _query(expression).range().legend_format(name)


def now(expression: str, name: str = "") -> Dataquery:
    """Return a query for the last values alone."""
    return _query(expression).instant().legend_format(name)


def rows_now(expression: str) -> Dataquery:
    """Return a query for the last values as rows of a table, a column a label."""
    return _query(expression).instant().format(PromQueryFormat.TABLE)


def buckets_over_time(expression: str) -> Dataquery:
    """Return a query for the cumulative buckets of a histogram over the chosen time."""
    return _query(expression).range().format(PromQueryFormat.HEATMAP).legend_format("{{le}}")


def _query(expression: str) -> Dataquery:
    return Dataquery().datasource(DATASOURCE).editor_mode(QueryEditorMode.CODE).expr(" ".join(expression.split()))
