"""What the dashboards have in common: how they are laid out, chosen from, linked and annotated."""

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, QueryVariable, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as schema

from deploy.dashboards.queries import DATASOURCE, EVERY_VERSION, FIRING, FLEET

UIDS = {"fleet": "chainzrule-fleet", "model": "chainzrule-model", "service": "chainzrule-service"}
_TAG = "chainzrule"
_WIDTH = 24


class Section(NamedTuple):
    """Panels under one heading."""

    title: str
    panels: Sequence[Builder[schema.Panel]]
    collapsed: bool = False
    """for what is looked at only when something else has pointed to it"""


def choose(name: str, query: str, *, several: bool) -> QueryVariable:
    """Return a variable with the values of a label: all of them until some are chosen, or else the last in order.

    All includes what does not have the label.
    """
    variable = (
        QueryVariable(name)
        .label(name.capitalize())
        .datasource(DATASOURCE)
        .query(query)
        .refresh(schema.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )
    if several:
        everything = schema.VariableOption(selected=True, text=["All"], value=["$__all"])
        variable.multi(True).include_all(True).all_value(".*").current(everything)
    return variable.sort(schema.VariableSort.NATURAL_ASC if several else schema.VariableSort.NATURAL_DESC)


def choose_models(*, several: bool) -> list[QueryVariable]:
    """Return variables for the fleet, by the namespace that its targets may have, its models and their versions."""
    return [
        choose("namespace", "label_values(chainzrule_model_info, namespace)", several=True),
        choose("model", f"label_values(chainzrule_model_info{{{FLEET}}}, model)", several=several),
        choose("version", f"label_values(chainzrule_model_info{EVERY_VERSION}, version)", several=several),
    ]


def build(
    name: str,
    title: str,
    description: str,
    variables: Sequence[QueryVariable],
    sections: Sequence[Section],
    refresh: str = "10s",
) -> schema.Dashboard:
    """Return a dashboard with its panels numbered and put in lines, in the order given."""
    builder = (
        Dashboard(title)
        .uid(UIDS[name])
        .description(description)
        .tags([_TAG])
        .time("now-30m", "now")
        .refresh(refresh)
        .tooltip(schema.DashboardCursorSync.CROSSHAIR)
        .link(_links())
    )
    for variable in variables:
        builder.with_variable(variable)
    board = builder.build()
    board.panels = _laid_out(sections)
    board.annotations = schema.AnnotationContainer([_Alerts()])
    return board


def _laid_out(sections: Sequence[Section]) -> list[schema.Panel | schema.RowPanel]:
    """Return the headings and panels of all sections; those of a collapsed section lie within its heading."""
    placed: list[schema.Panel | schema.RowPanel] = []
    number = top = 0
    for section in sections:
        number += 1
        heading = Row(section.title).id(number).collapsed(section.collapsed).build()
        heading.grid_pos = schema.GridPos(h=1, w=_WIDTH, x=0, y=top)
        top += 1
        placed.append(heading)
        left = tallest = 0
        for builder in section.panels:
            panel = builder.build()
            size = panel.grid_pos or schema.GridPos()
            if left + size.w > _WIDTH:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            panel.id_val = number
            panel.grid_pos = schema.GridPos(h=size.h, w=size.w, x=left, y=top)
            left, tallest = left + size.w, max(tallest, size.h)
            (heading.panels if section.collapsed else placed).append(panel)
        top += tallest
    return placed


def _links() -> DashboardLink:
    """Link to the other dashboards, for the same time and the same model."""
    return (
        DashboardLink("ChainzRule")
        .type(schema.DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .include_vars(True)
        .keep_time(True)
    )


class _Alerts(schema.AnnotationQuery):
    """Marks on every panel when an alert fired. The schema lacks what names the marks of Prometheus."""

    def __init__(self) -> None:
        super().__init__("Alerts", DATASOURCE, icon_color="red", expr=FIRING)

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {"titleFormat": "{{alertname}}", "tagKeys": "severity,model,version"}
