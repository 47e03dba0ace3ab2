"""A job's summary in words."""

from collections.abc import Iterator
from typing import Any

_MOST_FEATURES = 8
"""Lines about features."""

_NOTABLE = 0.001


def report(summary: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a summary, see `summarise`."""
    rows = summary["rows"]
    codes = ", ".join(f"{count:,} {code}" for code, count in rows["rejected_by_code"].items())
    yield f"rows             {rows['scored']:,} scored, {rows['rejected']:,} rejected{f' ({codes})' if codes else ''}"
    if "errors" not in summary:
        return
    errors, drift, tail = summary["errors"], summary["drift"], summary["tail_ratio"]
    yield (
        f"expected errors  {errors['expected']:,.0f}, {errors['expected_rate']:.2%} of the rows; "
        f"{errors['reference_rate']:.2%} on the model's test rows: {_verdict(errors['alarm'], 'more than those say')}"
    )
    test = f"no test of so few rows (gap {drift['kolmogorov_smirnov']:.4f})"
    if drift["critical"] is not None:
        test = (
            f"Kolmogorov-Smirnov {drift['kolmogorov_smirnov']:.4f}, critical {drift['critical']:.4f}: "
            f"{_verdict(drift['alarm'], 'these are not such rows as the model knows')}"
        )
    yield f"drift            {test}"
    yield (
        f"typicality       below 0.05 for {drift['typicality_below_0_05']:.2%} of the rows; "
        f"{drift['out_of_distribution']:.2%} out of distribution"
    )
    tau = "none" if tail["tau"] is None else f"{tail['tau']:.4f}"
    test = ""
    if tail["alarm"] is not None:
        test = f" (alarm above {tail['alarm_above']:.2%}): {_verdict(tail['alarm'], 'too many')}"
    yield (
        f"τ                {tau}, the model's {tail['reference_tau']:.4f}; {tail['above_reference']:.2%} of the rows "
        f"beyond that{test}"
    )
    yield f"advice           {_shares(summary['advice'])}"
    if "predicted" in summary:
        yield f"predicted        {_shares(summary['predicted'])}"
    else:
        yield f"mean value       {summary['mean_value']:.6g}"
    if "truncated" in summary:
        yield f"cut texts        {summary['truncated']:.2%}"
    yield from _features(summary.get("features", {}))


def _features(features: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each feature that there is something to say of, those with most to say first."""
    outside = sorted(features.items(), key=lambda feature: -feature[1]["out_of_range"])
    for name, shares in outside[:_MOST_FEATURES]:
        if shares["out_of_range"] >= _NOTABLE:
            unseen = f", {shares['unseen']:.2%} in unseen categories" if "unseen" in shares else ""
            verdict = _verdict(shares["out_of_range_alarm"], "check its unit")
            yield f"out of range     {name}: {shares['out_of_range']:.2%} of the rows{unseen}: {verdict}"
    for name, shares in features.items():
        if shares.get("missing_alarm"):
            reference = f"{shares['reference_missing']:.2%} in training: ALARM, has a source failed?"
            yield f"missing          {name}: {shares['missing']:.2%} of the rows, {reference}"


def _verdict(alarm: bool, words: str) -> str:
    return f"ALARM, {words}" if alarm else "no alarm"


def _shares(shares: dict[str, float]) -> str:
    shown = sorted(shares.items(), key=lambda item: -item[1])[:_MOST_FEATURES]
    return ", ".join(f"{name} {share:.1%}" for name, share in shown)
