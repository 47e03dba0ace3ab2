"""A model's versions beside each other, as with a canary."""

from deploy.dashboards import panels
from deploy.dashboards.panels import NUMBER, SHARE, Panels, column, lines
from deploy.dashboards.queries import EVERY_VERSION, FLEET, over_time, rows_now


def side_by_side() -> Panels:
    """Return the panels: a table of the last hour, and who answered what share."""
    table = panels.listing(
        "Versions, last hour",
        "A canary is to be promoted if its errors, expected and confirmed, are not above those of the version beside "
        "it, on as many rows; else roll it back (see the runbook). Rows that are atypical for one version alone are "
        "new to it, not to the world.",
        {
            "version": "Version",
            "Value #A": "Share meant",
            "Value #B": "Rows",
            "Value #C": "Errors expected",
            "Value #D": "Errors confirmed",
            "Value #E": "Atypical",
        },
        rows_now(f"max by (version) (chainzrule_canary_share{EVERY_VERSION})"),
        rows_now(f"sum by (version) (increase(chainzrule_rows_total{EVERY_VERSION}[1h]))"),
        rows_now(f"max by (version) (model:chainzrule_expected_error:ratio1h{EVERY_VERSION})"),
        rows_now(f"max by (version) (model:chainzrule_feedback_error:ratio1h{EVERY_VERSION})"),
        rows_now(
            f'sum by (version) (increase(chainzrule_typicality_bucket{{le="0.05",{FLEET},model=~"$model"}}[1h])) / '
            f"(sum by (version) (increase(chainzrule_typicality_count{EVERY_VERSION}[1h])) > 0)"
        ),
    ).span(12)
    column(table, "Share meant", SHARE, decimals=1)
    column(table, "Rows", NUMBER, decimals=0)
    for name in ("Errors expected", "Errors confirmed", "Atypical"):
        column(table, name, SHARE, decimals=1)
    answered = f'chainzrule_stage_duration_seconds_count{{{FLEET},model=~"$model",stage="run"}}'
    return [
        table,
        lines(
            "Requests by version, beside the canary's share (dashed)",
            "Share of the predictions that each version answered. Away from the dashed line: clients name versions, or "
            "send one request id again and again. Without a setting there is no dashed line.",
            SHARE,
            over_time(
                f"sum by (version) (rate({answered}[$__rate_interval])) / on () group_left () "
                f"(sum(rate({answered}[$__rate_interval])) > 0)",
                "version {{version}}",
            ),
            over_time(f"max by (version) (chainzrule_canary_share{EVERY_VERSION})", "version {{version}}, meant"),
            width=12,
        ).override_by_regexp("/meant$/", panels.DASHES),
    ]
