"""The nulls that a derivative's score has to beat, answered in words made from the numbers.

Null 1: the Jacobian adds nothing to the logit margin. Null 2: what the signature tells of a shift, the same distance
tells that is taken on what a plain network has too.
"""

from collections.abc import Iterator

import pandas as pd

from model_export.studies.bootstrap import LEVEL
from model_export.studies.tables import interval, p_value


def adds_to_margin(conditional: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence for each addition, on unshifted and on shifted rows, from the records of `condition`."""
    for (addition, rows), part in conditional.groupby(["addition", "rows"], sort=False):
        significant, gains = part["p_holm"].to_numpy() < LEVEL, part["gain_least"].to_numpy() > 0
        agreed = part["effect_least"].to_numpy() * part["effect_most"].to_numpy() > 0
        said = _said(
            {
                "significant, and ranks other rows' errors better in every seed": part[significant & agreed & gains],
                "significant, but does not rank better in every seed": part[significant & agreed & ~gains],
                "significant, but not in one direction over the seeds": part[significant & ~agreed],
                "not shown to add anything": part[~significant],
            }
        )
        yield f"- `{addition}`, {rows} rows: {said}."


def beats_same_distance(comparisons: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence for each place the distance is taken on, from the "noticing" records of `compare`."""
    for baseline, part in comparisons[comparisons["question"] == "noticing"].groupby("baseline", sort=False):
        yield f"- `typicality` against `{baseline}`: {_said(sorted_out(part))}."


def sorted_out(part: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return AUROC comparisons by what Holm's correction lets one say of them."""
    significant, better = part["p_holm"].to_numpy() < LEVEL, part["difference"].to_numpy() > 0
    return {
        "significantly better": part[significant & better],
        "significantly worse": part[significant & ~better],
        "not told apart": part[~significant],
    }


def conditional_table(conditional: pd.DataFrame) -> pd.DataFrame:
    """Return the records of `condition` as they are read."""
    return pd.DataFrame(
        {
            "effect": _over_seeds(conditional, "effect"),
            "p": conditional["p"].map(p_value),
            "p (Holm)": conditional["p_holm"].map(p_value),
            "gain in AUROC": _over_seeds(conditional, "gain"),
        }
    ).set_index(pd.MultiIndex.from_frame(conditional[["set", "activation", "rows", "addition"]]))


def comparison_table(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return the AUROC differences of `compare` by baseline, a column a data set; a star marks a corrected p < 0.05."""
    differences = zip(*(comparisons[name].tolist() for name in ("difference", "low", "high")), strict=True)
    stars = [" *" if p < LEVEL else "" for p in comparisons["p_holm"].tolist()]
    cells = [interval(*difference) + star for difference, star in zip(differences, stars, strict=True)]
    return comparisons.assign(cell=cells).pivot(index="baseline", columns="set", values="cell")


def _over_seeds(frame: pd.DataFrame, name: str) -> list[str]:
    mean, least, most = (frame[column].tolist() for column in (name, f"{name}_least", f"{name}_most"))
    return [interval(*row) for row in zip(mean, least, most, strict=True)]


def _said(outcomes: dict[str, pd.DataFrame]) -> str:
    return "; ".join(f"{words} on {_models(models)}" for words, models in outcomes.items() if len(models))


def _models(part: pd.DataFrame) -> str:
    by_set = part.groupby("set", sort=False)["activation"].agg("/".join)
    return ", ".join(f"{name} ({kinds})" for name, kinds in by_set.items())
