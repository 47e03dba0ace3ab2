"""What a job's rows say together: the tests of the alerts in deploy/prometheus/rules, over the whole and exactly."""

from math import sqrt
from typing import Any

from model_export.scoring.tally import Tally, value_of
from service.inference.advice import ADVICE
from service.inputs import TableInput
from service.manifest import Manifest
from service.monitoring.bounds import SHARE_BOUNDS
from service.monitoring.references import typicality_share

_FEWEST_ROWS = 50
"""Of fewer nothing is said of drift or of τ, as by the rules."""

_CRITICAL = 1.95
"""√(−ln(0.001 / 2) / 2): the gap of two samples that chance exceeds with probability 0.001, times √(1/m + 1/n)."""

_MOST_OUT_OF_RANGE = 0.05
"""Hardly a row in a thousand of such data as the model was trained on lies outside that training's extremes."""


def summarise(manifest: Manifest, tally: Tally, tail_ratio_p99: float | None) -> dict[str, Any]:
    """Return what a job came to, as JSON takes it; the same for the same rows, however they were cut and resumed.

    Args:
        manifest: the model's.
        tally: of all rows.
        tail_ratio_p99: the 99th percentile of all tail ratios; None of no rows.
    """
    rows = tally.rows
    found: dict[str, Any] = {
        "model": {"name": manifest.name, "version": manifest.version},
        "rows": {
            "scored": rows,
            "rejected": tally.rejected.total(),
            "rejected_by_code": dict(sorted(tally.rejected.items())),
        },
    }
    if not rows or tail_ratio_p99 is None:
        return found
    found["errors"] = _errors(manifest, tally)
    found["drift"] = _drift(manifest, tally)
    found["tail_ratio"] = _tail_ratio(manifest, tally, tail_ratio_p99)
    found["advice"] = {advice: tally.advice[str(index)] / rows for index, advice in enumerate(ADVICE)}
    if manifest.regression is None:
        found["predicted"] = {name: tally.classes[str(index)] / rows for index, name in enumerate(manifest.classes)}
    else:
        found["mean_value"] = value_of(tally.value_sum) / rows
    if isinstance(manifest.input, TableInput):
        found["features"] = _features(manifest.input, manifest.reference.rows, tally)
    else:
        found["truncated"] = tally.truncated / rows
    return found


def _errors(manifest: Manifest, tally: Tally) -> dict[str, Any]:
    """Return the errors that the reliabilities foretell, and whether they are more than on the manifest's test rows."""
    expected = tally.rows - value_of(tally.reliability_sum)
    rate, evaluation = expected / tally.rows, manifest.evaluation
    reference = 1 - evaluation.mean_reliability
    margin = max(0.02, 3 * sqrt(reference * (1 - reference) * (1 / tally.rows + 1 / evaluation.rows)))
    return {
        "expected": expected,
        "expected_rate": rate,
        "reference_rate": reference,
        "alarm_above": reference + margin,
        "alarm": rate > reference + margin,
    }


def _drift(manifest: Manifest, tally: Tally) -> dict[str, Any]:
    """Return the Kolmogorov-Smirnov test of typicality against the calibration rows."""
    calibration = manifest.reference.rows
    gaps = (
        abs(tally.typicality[str(index)] / tally.rows - typicality_share(bound, calibration))
        for index, bound in enumerate(SHARE_BOUNDS)
    )
    statistic, critical = max(gaps), _CRITICAL * sqrt(1 / tally.rows + 1 / calibration)
    enough = tally.rows >= _FEWEST_ROWS
    return {
        "kolmogorov_smirnov": statistic,
        "critical": critical if enough else None,
        "alarm": statistic > critical if enough else None,
        "typicality_below_0_05": tally.atypical / tally.rows,
        "out_of_distribution": tally.out_of_distribution / tally.rows,
    }


def _tail_ratio(manifest: Manifest, tally: Tally, p99: float) -> dict[str, Any]:
    """Return τ beside the manifest's, and whether more rows are beyond that than chance puts there."""
    beyond = 0.01 + 1 / manifest.reference.rows
    bound = beyond + 5 * sqrt(beyond * (1 / tally.rows + 1 / manifest.reference.rows))
    share = tally.above_reference / tally.rows
    enough = tally.rows >= _FEWEST_ROWS
    return {
        "tau": p99 * tally.rows / value_of(tally.tail_ratio_sum) if tally.tail_ratio_sum else None,
        "reference_tau": manifest.reference.tail_ratio,
        "above_reference": share,
        "alarm_above": bound if enough else None,
        "alarm": share > bound if enough else None,
    }


def _features(table: TableInput, calibration: int, tally: Tally) -> dict[str, Any]:
    """Return what was missing and out of range by feature; of a very wide table by all of them together."""
    references = {feature.name: feature.missing_ratio for feature in table.features}
    found: dict[str, Any] = {}
    for name, missing in tally.missing.items():
        shares = {"missing": missing / tally.rows, "out_of_range": tally.out_of_range[name] / tally.rows}
        if name in tally.unseen:
            shares["unseen"] = tally.unseen[name] / tally.rows
        alarms = {"out_of_range_alarm": shares["out_of_range"] > _MOST_OUT_OF_RANGE}
        if name in references:
            shares["reference_missing"] = reference = references[name]
            chance = 3 * sqrt(reference * (1 - reference) * (1 / tally.rows + 1 / calibration))
            alarms["missing_alarm"] = shares["missing"] > reference + max(0.05, chance)
        found[name] = shares | alarms
    return found
