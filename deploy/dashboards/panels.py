"""The kinds of panel, each in one style."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from grafana_foundation_sdk.builders import barchart, bargauge, heatmap, stat, statetimeline, table, timeseries, trend
from grafana_foundation_sdk.builders import common as parts
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as AnyQuery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as schema
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from deploy.dashboards.queries import DATASOURCE

Panels = list[Builder[schema.Panel]]

GOOD, WARNING, BAD, NEUTRAL = "green", "orange", "red", "blue"

NUMBER, SHARE, SECONDS, BYTES = "none", "percentunit", "s", "bytes"
ROWS_PER_SECOND, REQUESTS_PER_SECOND, TIMES = "suffix: rows/s", "reqps", "suffix:×"

COUNT_HEIGHT, HEIGHT = 4, 8

DASHES = [schema.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})]
"""For lines that others are to be compared with."""

RIGHT_AXIS = [
    schema.DynamicConfigValue("custom.axisPlacement", "right"),
    schema.DynamicConfigValue("custom.lineStyle", {"fill": "dot", "dash": [0, 6]}),
    schema.DynamicConfigValue("unit", "short"),
]
"""For lines of another unit."""


def limits(*steps: tuple[float, str], below: str = GOOD) -> ThresholdsConfig:
    """Return colours: `below` up to the first step's value, its colour from there on, and so forth."""
    thresholds = [schema.Threshold(None, below), *(schema.Threshold(value, colour) for value, colour in steps)]
    return ThresholdsConfig().mode(schema.ThresholdsMode.ABSOLUTE).steps(thresholds)


NO_LIMIT = limits(below=NEUTRAL)


def count(
    title: str, description: str, unit: str, query: Dataquery, thresholds: ThresholdsConfig = NO_LIMIT, width: int = 4
) -> stat.Panel:
    """Return one number, coloured by its limits."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets([query.ref_id("A")])
        .unit(unit)
        .thresholds(thresholds)
        .color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(parts.ReduceDataOptions().calcs(["lastNotNull"]))
        .span(width)
        .height(COUNT_HEIGHT)
    )


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Dataquery,
    thresholds: ThresholdsConfig | None = None,
    width: int = 8,
) -> timeseries.Panel:
    """Return lines over time; limits are drawn as dashed lines."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets(_named(queries))
        .unit(unit)
        .axis_soft_min(0)
        .fill_opacity(0)
        .show_points(common.VisibilityMode.NEVER)
        .legend(parts.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.LIST))
        .tooltip(parts.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        # A line's colour is its name's, so that it keeps it while others come and go.
        .color_scheme(FieldColor().mode(schema.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .span(width)
        .height(HEIGHT)
    )
    if thresholds is not None:
        style = parts.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel.thresholds(thresholds).thresholds_style(style)
    return panel


def distribution(title: str, description: str, query: Dataquery, unit: str = NUMBER, width: int = 12) -> heatmap.Panel:
    """Return a histogram over time, darker where more rows lie."""
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets([query.ref_id("A")])
        .calculate(False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64))
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .cell_values(heatmap.CellValues().unit("short").decimals(1))
        .show_y_histogram()
        .span(width)
        .height(HEIGHT)
    )


def curve(title: str, description: str, along: str, names: Sequence[str], *queries: Dataquery) -> trend.Panel:
    """Return the last values of `queries` as curves called `names` along the label `along`."""
    return (
        trend.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets(_named(queries))
        .transformations([*_joined_by(along, names), _transformation("sortBy", sort=[{"field": along}])])
        .x_field(along)
        .unit(SHARE)
        .min(0)
        .max(1)
        .show_points(common.VisibilityMode.ALWAYS)
        .legend(parts.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.LIST))
        .color_scheme(FieldColor().mode(schema.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .span(8)
        .height(HEIGHT)
    )


def pairs(title: str, description: str, by: str, names: Sequence[str], *queries: Dataquery) -> barchart.Panel:
    """Return the last values of `queries` as bars called `names`, side by side for every value of the label `by`."""
    return (
        barchart.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets(_named(queries))
        .transformations([*_joined_by(by, names), _transformation("sortBy", sort=[{"field": by}])])
        .x_field(by)
        .unit(SHARE)
        .min(0)
        .max(1)
        .legend(parts.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.LIST))
        .color_scheme(FieldColor().mode(schema.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .span(8)
        .height(HEIGHT)
    )


def bars(
    title: str, description: str, unit: str, query: Dataquery, thresholds: ThresholdsConfig, width: int = 8
) -> bargauge.Panel:
    """Return the last values as horizontal bars, coloured by their limits."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets([query.ref_id("A")])
        .unit(unit)
        .min(0)
        .thresholds(thresholds)
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .reduce_options(parts.ReduceDataOptions().calcs(["lastNotNull"]))
        .span(width)
        .height(HEIGHT)
    )


def states(
    title: str, description: str, query: Dataquery, meanings: Mapping[int, tuple[str, str]], width: int = 12
) -> statetimeline.Panel:
    """Return what each series was, over time; `meanings` gives the text and the colour of its values."""
    texts = {str(value): schema.ValueMappingResult(text, colour) for value, (text, colour) in meanings.items()}
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets([query.ref_id("A")])
        .unit(NUMBER)
        .mappings([schema.ValueMap(texts)])
        .show_value(common.VisibilityMode.AUTO)
        .legend(parts.VizLegendOptions().show_legend(False))
        .span(width)
        .height(HEIGHT)
    )


def listing(
    title: str, description: str, columns: Mapping[str, str], *queries: Dataquery, hidden: Sequence[str] = ()
) -> table.Panel:
    """Return a table that has a row for every set of labels, with the values of all `queries`.

    Args:
        title: of the panel.
        description: what it says and what to do.
        columns: in order, the name that each field is shown by; a value is called "Value #A", "Value #B" and so on, or
            "Value" where there is one query.
        queries: each made by `rows_now`.
        hidden: fields left out.
    """
    arrangement = _transformation(
        "organize",
        excludeByName=dict.fromkeys(("Time", *hidden), True),
        indexByName={field: place for place, field in enumerate(columns)},
        renameByName=dict(columns),
    )
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .targets(_named(queries))
        .transformations([_transformation("merge"), arrangement])
        .unit(NUMBER)
        .span(24)
        .height(HEIGHT)
    )


def column(
    panel: table.Panel, name: str, unit: str, thresholds: ThresholdsConfig | None = None, decimals: int = 2
) -> table.Panel:
    """Give a column its unit, and its cells the colour of their limits."""
    properties = [schema.DynamicConfigValue("unit", unit), schema.DynamicConfigValue("decimals", decimals)]
    if thresholds is not None:
        properties += [
            schema.DynamicConfigValue("thresholds", thresholds.build()),
            schema.DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
        ]
    return panel.override_by_name(name, properties)


def _named(queries: Sequence[Dataquery]) -> list[Builder[AnyQuery]]:
    return [query.ref_id(name) for name, query in zip(ascii_uppercase, queries, strict=False)]


def _joined_by(label: str, names: Sequence[str]) -> list[schema.DataTransformerConfig]:
    """Put the values of several queries side by side, by their label, and drop their times."""
    times = {f"Time {place}": True for place in range(1, len(names) + 1)}
    renamed = {f"Value #{letter}": name for letter, name in zip(ascii_uppercase, names, strict=False)}
    return [
        _transformation("joinByField", byField=label, mode="outer"),
        _transformation("organize", excludeByName=times, renameByName=renamed),
    ]


def _transformation(name: str, **options: object) -> schema.DataTransformerConfig:
    return schema.DataTransformerConfig(id_val=name, options=options)
