"""The dashboard for a wall: whether every model can be believed just now."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, DynamicConfigValue, Panel

from deploy.dashboards import board, panels
from deploy.dashboards.panels import BAD, GOOD, NUMBER, SHARE, WARNING, Panels, column, count, limits, lines, listing
from deploy.dashboards.queries import CHOSEN, FIRING, FLEET, now, over_time, rows_now

EXPECTED_EXCESS = f"""
model:chainzrule_expected_error:ratio5m{CHOSEN}
- max by (namespace, model, version) (chainzrule_reference_expected_error_ratio{CHOSEN})
"""
KS_PER_CRITICAL = f"model:chainzrule_typicality:ks5m{CHOSEN} / model:chainzrule_typicality:ks_critical5m{CHOSEN}"
ATYPICAL = f"""
sum by (namespace, model, version) (
  increase(chainzrule_typicality_bucket{{le="0.05",{FLEET},model=~"$model",version=~"$version"}}[5m])
)
/ (sum by (namespace, model, version) (increase(chainzrule_typicality_count{CHOSEN}[5m])) > 0)
"""
TAIL_RATIO_PER_REFERENCE = f"""
model:chainzrule_tail_ratio:p99_per_mean5m{CHOSEN}
/ max by (namespace, model, version) (chainzrule_reference_tail_ratio{CHOSEN})
"""
EXCESS_LIMITS = limits((0.02, WARNING), (0.05, BAD))
DRIFT_LIMIT = limits((1, BAD))
_MODEL = "{{model}} {{version}} {{namespace}}"


def build() -> Dashboard:
    """Return the dashboard."""
    return board.build(
        "fleet",
        "ChainzRule: can the models be believed?",
        "Every model that is served, beside what it was measured to be. No label is needed for any of it.",
        [
            *board.choose_models(several=True),
        ],
        [
            board.Section("Now", [*_counts(), _alerts(), _models()]),
            board.Section("Over time", [*_reliability(), *_traffic()]),
        ],
        refresh="5s",
    )


def _counts() -> Panels:
    return [
        count(
            "Alerts firing",
            "Read the table below, and follow each alert's section in deploy/RUNBOOK.md.",
            NUMBER,
            now(f"count({FIRING}) or vector(0)"),
            limits((1, BAD)),
        ),
        count(
            "Models drifting",
            "Models whose last five minutes' typicality strays from the calibration rows' by more than chance allows. "
            "Open the model's dashboard and look for the feature that moved.",
            NUMBER,
            now(f"count({' '.join(KS_PER_CRITICAL.split())} > 1) or vector(0)"),
            DRIFT_LIMIT,
        ),
        count(
            "Model versions served",
            "Versions that at least one replica serves. Fewer than you deployed: see the service's dashboard, and the "
            "reason in a replica's log.",
            NUMBER,
            now(f"count(count by (namespace, model, version) (chainzrule_model_info{CHOSEN})) or vector(0)"),
            limits((1, GOOD), below=BAD),
        ),
        count(
            "Replicas that answer",
            "Share of the replicas that Prometheus could scrape. Below 100 %: look whether the others' containers run.",
            SHARE,
            now(f'avg(up{{job="chainzrule",{FLEET}}})'),
            limits((1, GOOD), below=BAD),
        ),
        count(
            "Rows predicted",
            "Rows a second, all models together. None at all, with clients at work, is a failure in front of the "
            "service.",
            panels.ROWS_PER_SECOND,
            now(f"sum(rate(chainzrule_rows_total{CHOSEN}[$__rate_interval]))"),
        ),
        count(
            "Predictions that fail",
            "Share of the last five minutes' requests for predictions answered 5xx; 0.1 % may in the long run. See the "
            "service's dashboard for the errors' codes.",
            SHARE,
            now(f"max(slo:chainzrule_availability_error:ratio5m{{{FLEET}}})"),
            limits((0.001, WARNING), (0.0144, BAD)),
        ),
    ]


def _alerts() -> Builder[Panel]:
    columns = {
        "alertname": "Alert",
        "severity": "Severity",
        "namespace": "Namespace",
        "model": "Model",
        "version": "Version",
        "feature": "Feature",
        "instance": "Replica",
    }
    panel = listing(
        "What is firing",
        "One line an alert. A page is for now, a ticket for the morning; deploy/RUNBOOK.md has a section for each.",
        columns,
        rows_now(f"max by ({', '.join(columns)}) ({FIRING})"),
        hidden=["Value"],
    )
    return panel.no_value("Nothing is firing").height(5)


def _models() -> Builder[Panel]:
    panel = listing(
        "Every model, beside its own reference",
        "The last five minutes. Red in 'Drift': the rows are not those that the model knows. Orange or red in "
        "'Excess': it expects more errors of itself than it was measured to make. Click a model to see it in depth. "
        "What has too few rows to tell (50 for drift, 200 for τ) is empty.",
        {
            "namespace": "Namespace",
            "model": "Model",
            "version": "Version",
            "Value #A": "Rows",
            "Value #B": "Errors expected",
            "Value #C": "Excess over reference",
            "Value #D": "Drift (KS / critical)",
            "Value #E": "Atypical rows",
            "Value #F": "τ / reference",
        },
        *(
            # A record's own name is one more label, by which its rows would stay apart from the others'.
            rows_now(f"max by (namespace, model, version) ({expression})")
            for expression in (
                f"model:chainzrule_rows:increase5m{CHOSEN}",
                f"model:chainzrule_expected_error:ratio5m{CHOSEN}",
                EXPECTED_EXCESS,
                KS_PER_CRITICAL,
                ATYPICAL,
                TAIL_RATIO_PER_REFERENCE,
            )
        ),
    )
    column(panel, "Rows", NUMBER, decimals=0)
    column(panel, "Errors expected", SHARE, decimals=1)
    column(panel, "Excess over reference", SHARE, EXCESS_LIMITS, decimals=1)
    column(panel, "Drift (KS / critical)", panels.TIMES, DRIFT_LIMIT)
    column(panel, "Atypical rows", SHARE, decimals=1)
    column(panel, "τ / reference", panels.TIMES, decimals=3)
    address = f"/d/{board.UIDS['model']}?var-model=${{__data.fields.Model}}&var-version=${{__data.fields.Version}}"
    link = {"title": "This model in depth", "url": f"{address}&${{namespace:queryparam}}&${{__url_time_range}}"}
    return panel.override_by_name("Model", [DynamicConfigValue("links", [link])])


def _reliability() -> Panels:
    return [
        lines(
            "Errors expected, beside the reference (dashed)",
            "Mean of 1 - reliability over the last five minutes: the error rate that the model expects of itself. "
            "Well above its dashed line: harder or stranger rows are sent; open the model's dashboard.",
            SHARE,
            over_time(f"model:chainzrule_expected_error:ratio5m{CHOSEN}", _MODEL),
            over_time(
                f"max by (namespace, model, version) (chainzrule_reference_expected_error_ratio{CHOSEN})",
                f"{_MODEL} reference",
            ),
        ).override_by_regexp("/reference$/", panels.DASHES),
        lines(
            "Drift: KS statistic over its critical value",
            "Above 1 for more than a scrape or two, the rows are not such as the model was calibrated on: chance alone "
            "gets there one time in a thousand. Find the feature that moved on the model's dashboard.",
            panels.TIMES,
            over_time(KS_PER_CRITICAL, _MODEL),
            thresholds=DRIFT_LIMIT,
        ),
        lines(
            "Atypical rows",
            "Share of rows with typicality at or below 0.05; 5 % are, while nothing has shifted. More: the rows have "
            "become strange. None at all: they have become all alike.",
            SHARE,
            over_time(ATYPICAL, _MODEL),
            thresholds=limits((0.05, WARNING)),
        ),
        lines(
            "τ over its reference",
            "p99 / mean of the Jacobian norm, over what it was on the calibration rows. Above 1 predictions hang more "
            "on small changes of the input; τ by itself tells little of shift. Hidden below 200 rows.",
            panels.TIMES,
            over_time(TAIL_RATIO_PER_REFERENCE, _MODEL),
        ),
    ]


def _traffic() -> Panels:
    return [
        lines(
            "Rows predicted, by model",
            "A model that falls to nothing while others go on has lost its client, or is no longer served.",
            panels.ROWS_PER_SECOND,
            over_time(
                f"sum by (namespace, model, version) (rate(chainzrule_rows_total{CHOSEN}[$__rate_interval]))", _MODEL
            ),
        ),
        lines(
            "Requests, by status",
            "All routes. 5xx: see the errors' codes on the service's dashboard. 4xx: a client sends what the service "
            "cannot take; the answer says what.",
            panels.REQUESTS_PER_SECOND,
            over_time(
                f"sum by (status) (rate(chainzrule_http_requests_total{{{FLEET}}}[$__rate_interval])) > 0", "{{status}}"
            ),
        ),
    ]
