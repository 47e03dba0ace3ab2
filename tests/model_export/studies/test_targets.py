import pandas as pd
import pytest

from model_export.studies.targets import targets

BASELINES = {"msp": 0.70, "energy": 0.72, "knn_inputs": 0.60}


def comparisons(difference: float, high: float, p: float) -> pd.DataFrame:
    where = {"set": "made up", "activation": "polynomial"}
    return pd.DataFrame(
        where
        | {"question": question, "metric": metric, "baseline": name, "theirs": theirs}
        | {"difference": sign * difference, "low": difference - 0.05, "high": high, "p_holm": p}
        for question, metric, sign in (("errors", "auroc", 1), ("shifted", "augrc", -1), ("shifted", "auroc", 1))
        for name, theirs in BASELINES.items()
    )


def scores(typicality: float) -> pd.DataFrame:
    detection = {"typicality": typicality, "msp": 0.6, "energy": 0.65, "knn_inputs": 0.86}
    where = {"set": "made up", "activation": "polynomial", "seed": 0}
    blank = dict.fromkeys(["auroc", "augrc", "aurc", "fpr95", "risk90"], 0.5)
    return pd.DataFrame(
        where | blank | {"shift": shift, "severity": severity, "confidence": name, "detection": value}
        for shift, severity in (("none", 0), ("all", 0), ("noise", 1), ("noise", 2))
        for name, value in detection.items()
    )


def windows(rate: float, ece: float, calibration_rows: int) -> pd.DataFrame:
    figures = {"typicality_below_0_01": rate, "typicality_below_0_05": 0.05, "ece": ece}
    where = {"set": "made up", "activation": "polynomial", "seed": 0, "shift": "none"}
    return pd.DataFrame([where | figures | {"rows": 1000, "calibration_rows": calibration_rows}])


def verdicts(
    difference: float = 0.01,
    high: float = 0.03,
    p: float = 0.01,
    typicality: float = 0.87,
    rate: float = 0.01,
    ece: float = 0.02,
    calibration_rows: int = 2000,
) -> dict[str, str]:
    records = scores(typicality), windows(rate, ece, calibration_rows), comparisons(difference, high, p)
    table = targets(*records, distinct=lambda *_: 1000)
    names = ["errors", "shifted", "noticing", "distances", "probabilities", "alpha 0.01", "alpha 0.05", "calibration"]
    return dict(zip(names, table["made up"], strict=True))


def test_all_is_reached_where_all_is() -> None:
    found = verdicts()
    assert all(text.startswith("reached: ") for text in found.values())
    assert found["errors"] == "reached: +0.010 (-0.040 to +0.030) against `energy`"
    assert found["noticing"] == "reached: 0.870"
    assert found["distances"] == "reached: +0.010 against `knn_inputs`"
    assert found["probabilities"] == "reached: +0.220 against `energy`"
    assert found["alpha 0.01"] == "reached: 0.010, standard error 0.003"
    assert found["calibration"] == "reached: 0.020 on 1000 rows"


@pytest.mark.parametrize(
    ("changed", "target", "verdict"),
    [
        ({"difference": -0.01}, "errors", "below, within the error: "),
        ({"difference": -0.02, "high": -0.01}, "errors", "not reached: "),
        ({"difference": -0.01}, "shifted", "not reached: "),
        ({"p": 0.06}, "shifted", "not reached: "),
        ({"typicality": 0.849}, "noticing", "not reached: "),
        ({"typicality": 0.845}, "distances", "reached: -0.015"),
        ({"typicality": 0.835}, "distances", "not reached: -0.025"),
        ({"typicality": 0.79}, "probabilities", "not reached: "),
        ({"rate": 0.015}, "alpha 0.01", "reached: "),
        ({"rate": 0.016}, "alpha 0.01", "not reached: "),
        ({"ece": 0.031}, "calibration", "not reached: "),
        ({"calibration_rows": 499}, "calibration", "not asked, 499 calibration rows: "),
    ],
)
def test_a_target_is_judged_by_its_number(changed: dict[str, float], target: str, verdict: str) -> None:
    assert verdicts(**changed)[target].startswith(verdict)  # type: ignore[arg-type]
