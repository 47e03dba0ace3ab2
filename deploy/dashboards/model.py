"""The dashboard of one model: what has changed, and whether its reliability holds."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards import board, panels, versions
from deploy.dashboards.fleet import (
    ATYPICAL,
    DRIFT_LIMIT,
    EXCESS_LIMITS,
    EXPECTED_EXCESS,
    KS_PER_CRITICAL,
    TAIL_RATIO_PER_REFERENCE,
)
from deploy.dashboards.panels import BAD, NUMBER, SHARE, WARNING, Panels, column, count, distribution, limits, lines
from deploy.dashboards.queries import CHOSEN, FLEET, buckets_over_time, now, over_time, rows_now

_OUT_OF_RANGE_LIMITS = limits((0.01, WARNING), (0.05, BAD))
_MISSING_LIMITS = limits((0.05, WARNING))


def build() -> Dashboard:
    """Return the dashboard."""
    return board.build(
        "model",
        "ChainzRule: one model in depth",
        "Whether the rows are such as the model knows, which feature moved, and whether its reliability holds.",
        [
            *board.choose_models(several=False),
        ],
        [
            board.Section("Now", _counts()),
            board.Section("How far the predictions are to be believed", _reliability()),
            board.Section("Whether the rows are those that the model knows", _shift()),
            board.Section("Features that moved", _features()),
            board.Section("What turned out: expected against confirmed errors", _feedback()),
            board.Section("Versions beside each other, as with a canary", versions.side_by_side()),
            board.Section("Load", _load(), collapsed=True),
        ],
    )


def _counts() -> Panels:
    return [
        count(
            "Errors expected",
            "Mean of 1 - reliability over the last five minutes: the error rate that the model expects of itself. "
            "Compare it with the excess beside it.",
            SHARE,
            now(f"model:chainzrule_expected_error:ratio5m{CHOSEN}"),
        ),
        count(
            "Excess over reference",
            "Errors expected now, less those expected on the evaluation rows. Red: hold back what acts on these "
            "predictions until the feature that moved is known.",
            SHARE,
            now(EXPECTED_EXCESS),
            EXCESS_LIMITS,
        ),
        count(
            "Drift (KS / critical)",
            "Above 1 the rows are not such as the model was calibrated on; chance alone gets there one time in a "
            "thousand. Look for the feature that moved, further down.",
            panels.TIMES,
            now(KS_PER_CRITICAL),
            DRIFT_LIMIT,
        ),
        count(
            "Atypical rows",
            "Share of rows with typicality at or below 0.05; 5 % are, while nothing has shifted.",
            SHARE,
            now(ATYPICAL),
        ),
        count(
            "τ / reference",
            "p99 / mean of the Jacobian norm, over what it was on the calibration rows; it has no known limit. Empty "
            "below 200 rows.",
            panels.TIMES,
            now(TAIL_RATIO_PER_REFERENCE),
        ),
        count(
            "Rows in five minutes",
            "What the numbers beside it rest on. Below 200, wait for more before you act.",
            NUMBER,
            now(f"model:chainzrule_rows:increase5m{CHOSEN}"),
        ).decimals(0),
    ]


def _reliability() -> Panels:
    return [
        distribution(
            "Reliability of the rows",
            "How many rows had which reliability. A band that sinks: the model believes itself less, because rows have "
            "become harder or stranger. See below which.",
            buckets_over_time(f"sum by (le) (increase(chainzrule_reliability_bucket{CHOSEN}[$__rate_interval]))"),
        ),
        lines(
            "Errors expected, beside the reference (dashed)",
            "Above the dashed line for an hour, the model expects more errors than on the evaluation rows: see "
            "whether harder rows are sent, or strange ones.",
            SHARE,
            over_time(f"model:chainzrule_expected_error:ratio5m{CHOSEN}", "expected, 5 minutes"),
            over_time(f"model:chainzrule_expected_error:ratio1h{CHOSEN}", "expected, 1 hour"),
            over_time(f"max(chainzrule_reference_expected_error_ratio{CHOSEN})", "expected, reference"),
            over_time(f"max(chainzrule_reference_error_ratio{CHOSEN})", "measured, reference"),
            width=12,
        ).override_by_regexp("/reference$/", panels.DASHES),
    ]


def _shift() -> Panels:
    return [
        distribution(
            "Typicality of the rows",
            "Evenly spread from 0 to 1 while nothing has shifted. Rows that gather near 0 are strange to the model: do "
            "not act on them unseen. Buckets below 0.05 are narrow and pale by nature.",
            buckets_over_time(f"sum by (le) (increase(chainzrule_typicality_bucket{CHOSEN}[$__rate_interval]))"),
        ),
        panels.curve(
            "Cumulative typicality, beside the diagonal",
            "Share of rows with a typicality up to each value. On the calibration rows it is the diagonal; the largest "
            "gap to it is the KS statistic. A curve above the diagonal: stranger rows; below: rows all alike.",
            "le",
            ["last 5 minutes", "last 6 hours", "calibration rows"],
            rows_now(_cumulative("5m")),
            rows_now(_cumulative("6h")),
            rows_now(f"max by (le) (chainzrule_reference_typicality{CHOSEN})"),
        ).span(12),
        lines(
            "Drift: KS statistic and its critical value (dashed)",
            "A line above the dashed one of its window is drift. The short window notices a jump, the long one a "
            "creep. Absent below 50 rows.",
            SHARE,
            over_time(f"model:chainzrule_typicality:ks5m{CHOSEN}", "5 minutes"),
            over_time(f"model:chainzrule_typicality:ks_critical5m{CHOSEN}", "5 minutes, critical"),
            over_time(f"model:chainzrule_typicality:ks6h{CHOSEN}", "6 hours"),
            over_time(f"model:chainzrule_typicality:ks_critical6h{CHOSEN}", "6 hours, critical"),
        ).override_by_regexp("/critical$/", panels.DASHES),
        lines(
            "τ, beside the reference (dashed)",
            "p99 / mean of the Jacobian norm, with the number of rows it rests on at the right. Judge the share "
            "above the reference rather than τ itself. Absent below 200 rows.",
            NUMBER,
            over_time(f"model:chainzrule_tail_ratio:p99_per_mean5m{CHOSEN}", "τ, 5 minutes"),
            over_time(f"model:chainzrule_tail_ratio:p99_per_mean1h{CHOSEN}", "τ, 1 hour"),
            over_time(f"max(chainzrule_reference_tail_ratio{CHOSEN})", "τ, reference"),
            over_time(f"model:chainzrule_rows:increase5m{CHOSEN}", "rows, 5 minutes"),
        )
        .override_by_regexp("/reference$/", panels.DASHES)
        .override_by_regexp("/^rows/", panels.RIGHT_AXIS),
        lines(
            "Rows above the reference τ",
            "Counted, not interpolated; on the calibration rows it is at most 1 %. Far more: look at the rows with the "
            "greatest tail_ratio, and at the features they are sensitive to.",
            SHARE,
            over_time(f"model:chainzrule_tail_ratio:above_reference_ratio5m{CHOSEN}", "5 minutes"),
            over_time(f"model:chainzrule_tail_ratio:above_reference_ratio1h{CHOSEN}", "1 hour"),
            thresholds=limits((0.01, WARNING)),
        ),
    ]


def _features() -> Panels:
    table = panels.listing(
        "Features, last five minutes",
        "Outside training in more than 5 %: check the feature's unit first, then its source. Missing far more often "
        "than in training: ask the sender whether a source has failed. A wide table has one line, 'any': rows with at "
        "least one such value.",
        {
            "feature": "Feature",
            "Value #A": "Outside training",
            "Value #B": "Missing",
            "Value #C": "Missing in training",
            "Value #D": "Missing more than in training",
        },
        rows_now(f"max by (feature) (model_feature:chainzrule_out_of_range:ratio5m{CHOSEN})"),
        rows_now(f"max by (feature) (model_feature:chainzrule_missing:ratio5m{CHOSEN})"),
        rows_now(f"max by (feature) (chainzrule_reference_missing_ratio{CHOSEN})"),
        rows_now(_missing_excess("5m")),
    ).span(12)
    column(table, "Outside training", SHARE, _OUT_OF_RANGE_LIMITS, decimals=1)
    column(table, "Missing", SHARE, decimals=1)
    column(table, "Missing in training", SHARE, decimals=1)
    column(table, "Missing more than in training", SHARE, _MISSING_LIMITS, decimals=1)
    return [
        table,
        lines(
            "Outside the range of training",
            "Share of rows with the feature below the least or above the greatest value of training. Above 5 %: check "
            "its unit first, then its source.",
            SHARE,
            over_time(f"model_feature:chainzrule_out_of_range:ratio5m{CHOSEN}", "{{feature}}"),
            thresholds=_OUT_OF_RANGE_LIMITS,
            width=6,
        ),
        lines(
            "Missing more often than in training",
            "Share of rows without the feature, less the same on the training rows. Above 5 % for an hour: ask the "
            "sender whether a source has failed.",
            SHARE,
            over_time(_missing_excess("5m"), "{{feature}}"),
            thresholds=_MISSING_LIMITS,
            width=6,
        ),
    ]


def _feedback() -> Panels:
    return [
        lines(
            "Errors: expected and confirmed",
            "Over the rows of the last hour whose true label was sent back. Apart by more than 5 %, with 200 labels or "
            "more: do not act on the score until the model is calibrated anew.",
            SHARE,
            over_time(f"model:chainzrule_feedback_error:ratio1h{CHOSEN}", "confirmed"),
            over_time(f"model:chainzrule_feedback_expected_error:ratio1h{CHOSEN}", "expected"),
        ),
        panels.pairs(
            "Calibration, by band of reliability",
            "Rows of the last hour with feedback, by their reliability: the share that was wrong, beside the share "
            "that was to be. A band with few labels (at the right) says little.",
            "band",
            ["confirmed", "expected"],
            rows_now(f"max by (band) (model_band:chainzrule_feedback_error:ratio1h{CHOSEN})"),
            rows_now(f"max by (band) (model_band:chainzrule_feedback_expected_error:ratio1h{CHOSEN})"),
        ),
        panels.bars(
            "Labels sent back, by band of reliability",
            "What the calibration beside it rests on: labels of the last hour. None at all: whoever learns the "
            "outcomes has stopped sending them.",
            NUMBER,
            now(f"sum by (band) (increase(chainzrule_feedback_rows_total{CHOSEN}[1h]))", "{{band}}"),
            panels.NO_LIMIT,
        ).decimals(0),
    ]


def _load() -> Panels:
    stages = f"sum by (stage, le) (rate(chainzrule_stage_duration_seconds_bucket{CHOSEN}[$__rate_interval]))"
    return [
        lines(
            "Rows predicted",
            "By replica. One that gets none is out of the balancer.",
            panels.ROWS_PER_SECOND,
            over_time(
                f"sum by (instance) (rate(chainzrule_rows_total{CHOSEN}[$__rate_interval]))",
                "{{instance}}",
            ),
            width=12,
        ),
        distribution(
            "Rows in one run",
            "How many rows ran together. All single while requests wait: batches are not made; see why they leave on "
            "the service's dashboard.",
            buckets_over_time(f"sum by (le) (increase(chainzrule_batch_rows_bucket{CHOSEN}[$__rate_interval]))"),
        ),
        lines(
            "Slowest of a hundred requests, by stage",
            "p99 of each stage. Queue: add replicas or threads. Run: the model itself is slow. Decode or encode: very "
            "large requests.",
            panels.SECONDS,
            over_time(f"histogram_quantile(0.99, {stages})", "{{stage}}"),
            width=12,
        ),
        lines(
            "Requests with outputs that are not finite",
            "Refused within ten minutes because an output was infinite or not a number. Any at all: find the row in "
            "the log, and roll the version back if ordinary rows do it.",
            NUMBER,
            over_time(f"sum(increase(chainzrule_non_finite_total{CHOSEN}[10m]))", "refused"),
            thresholds=limits((1, BAD)),
            width=12,
        ),
    ]


def _cumulative(window: str) -> str:
    return f"""
    sum by (le) (
      increase(chainzrule_typicality_bucket{{le!="+Inf",{FLEET},model=~"$model",version=~"$version"}}[{window}])
    )
    / on () group_left () (sum(increase(chainzrule_typicality_count{CHOSEN}[{window}])) > 0)
    """


def _missing_excess(window: str) -> str:
    return f"""
    max by (feature) (model_feature:chainzrule_missing:ratio{window}{CHOSEN})
    - max by (feature) (chainzrule_reference_missing_ratio{CHOSEN})
    """
