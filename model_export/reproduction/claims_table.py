"""The paper's table with what was found here beside it."""

from collections.abc import Callable, Mapping

import pandas as pd

from model_export.reproduction.comparisons import BETTER, UNSHOWN, WORSE
from model_export.reproduction.paper import CLAIMS, USUAL, Claim, Form
from model_export.reproduction.quantities import quantity
from model_export.reproduction.records import CHAINZRULE
from model_export.reproduction.summary_table import runs_of

NOT_RUN = "not run"


def claims_table(
    frames: Mapping[str, pd.DataFrame], comparisons: pd.DataFrame, data: Mapping[str, str]
) -> pd.DataFrame:
    """Return a row for each claim: the paper's numbers, ours and the other contenders', and what could be shown.

    Args:
        frames: records by experiment; one that is absent was not run.
        comparisons: of `compare`.
        data: on which rows each experiment is run.
    """
    rows = {
        claim.domain: _row(claim, frames.get(claim.experiment), comparisons) | {"rows": data.get(claim.experiment, "")}
        for claim in CLAIMS
    }
    return pd.DataFrame(rows).T.rename_axis("domain")


def _row(claim: Claim, frame: pd.DataFrame | None, comparisons: pd.DataFrame) -> dict[str, str]:
    stated = {"the paper's ChainzRule": claim.stated, "the paper's comparison": claim.compared}
    part = None if frame is None else _claimed(claim, frame)
    if part is None or CHAINZRULE not in set(part["contender"]):
        return stated | {"ChainzRule here": NOT_RUN, "others here": "", "ChainzRule is": "", "runs": ""}
    ours, others = _BY_FORM[claim.form](claim.metric, part)
    return stated | {
        "ChainzRule here": ours,
        "others here": others,
        "ChainzRule is": verdicts(_of_claim(claim, comparisons)),
        "runs": runs_of(_whole(part)),
    }


def _claimed(claim: Claim, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the records of unaltered test rows that a claim is about, the others by their names without its suffix."""
    concerned = frame["contender"].map(lambda name: name == CHAINZRULE or claim.concerns(name)).astype(bool)
    part = frame[(frame["metric"] == claim.metric) & (frame["condition"] == "") & concerned]
    return part.assign(contender=part["contender"].str.removesuffix(claim.suffix))


def _of_claim(claim: Claim, comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return the comparisons that a claim is about, the others by their names without its suffix."""
    part = comparisons[(comparisons["experiment"] == claim.experiment) & (comparisons["metric"] == claim.metric)]
    part = part[part["contender"].map(claim.concerns).astype(bool)]
    return part.assign(contender=part["contender"].str.removesuffix(claim.suffix))


def verdicts(compared: pd.DataFrame) -> str:
    """Return in words which contenders ChainzRule is better and worse than, and from which it is not shown to differ.

    Args:
        compared: rows of `compare`, of one experiment and metric.
    """
    if compared.empty:
        return "not compared: fewer than two pairs"
    named = {verdict: ", ".join(part["contender"]) for verdict, part in compared.groupby("verdict")}
    if len(named) == 1 < len(compared):
        named = dict.fromkeys(named, f"any of the {len(compared)} others")
    said = [
        f"{words} {named[verdict]}"
        for verdict, words in {BETTER: "better than", WORSE: "worse than", UNSHOWN: "not shown to differ from"}.items()
        if verdict in named
    ]
    return "; ".join(said)


def _whole(part: pd.DataFrame) -> pd.DataFrame:
    """Return the records of all training rows."""
    return part[part["fraction"] == 1]


def _value(metric: str, part: pd.DataFrame) -> tuple[str, str]:
    """Return our value, and that of the best other contender, which its choice by the same rows flatters."""
    kind, values = quantity(metric), _whole(part).groupby("contender", sort=False)["value"]
    means = values.mean().drop(CHAINZRULE) * kind.better
    ours = _with_unit(kind.spread(values.get_group(CHAINZRULE)), kind.percent)
    if means.empty:
        return ours, ""
    best = str(means.idxmax())
    return ours, f"best: {best}, {_with_unit(kind.spread(values.get_group(best)), kind.percent)}"


def _difference(metric: str, part: pd.DataFrame) -> tuple[str, str]:
    """Return our value minus that of each usual twin, and the values."""
    kind = quantity(metric)
    return _against(metric, part, lambda ours, theirs: kind.difference(ours - theirs))


def _change(metric: str, part: pd.DataFrame) -> tuple[str, str]:
    """Return by how much our value differs from each usual twin's, relative to that, and the values."""
    return _against(metric, part, lambda ours, theirs: f"{100 * (ours / theirs - 1):+.1f} %")


def _against(metric: str, part: pd.DataFrame, said: Callable[[float, float], str]) -> tuple[str, str]:
    kind, means = quantity(metric), _whole(part).groupby("contender")["value"].mean()
    ours = means[CHAINZRULE]
    twins = [name for name in USUAL if name in means]
    against = ", ".join(f"{said(ours, means[name])} against {name}" for name in twins)
    values = ", ".join(f"{name} {kind.number(means[name])}" for name in twins)
    return f"{against}; itself {_with_unit(kind.number(ours), kind.percent)}", values


def _fractions(metric: str, part: pd.DataFrame) -> tuple[str, str]:
    """Return the least and the most of the means at each share of the training rows, ours and the usual twins'."""
    kind, means = quantity(metric), part.groupby(["contender", "fraction"])["value"].mean()

    def span(values: "pd.Series[float]") -> str:
        return "–".join(dict.fromkeys([kind.number(values.min()), kind.number(values.max())]))

    twins = [name for name in USUAL if name in means]
    fractions = part["fraction"].nunique()
    shares = f"over {fractions} shares of the training rows" if fractions > 1 else "at all training rows"
    return f"{span(means[CHAINZRULE])} {shares}", ", ".join(f"{name} {span(means[name])}" for name in twins)


def _with_unit(number: str, percent: bool) -> str:
    return f"{number} %" if percent else number


_BY_FORM = {
    Form.VALUE: _value,
    Form.DIFFERENCE: _difference,
    Form.CHANGE: _change,
    Form.FRACTIONS: _fractions,
}
