import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from model_export.studies.runs import Records
from model_export.studies.tables import (
    foresight,
    interval,
    markdown_table,
    noticed,
    p_value,
    summarise,
    uniformity,
    unshifted,
)


def test_the_bounds_hold(records: Records) -> None:
    summary = summarise(records.scores).xs(("plant", "polynomial"))
    auroc, augrc = summary["errors_auroc"].to_dict(), summary["errors_augrc"].to_dict()
    assert auroc["oracle"] == 1
    assert min(augrc.values()) == augrc["oracle"]
    assert auroc["random"] == pytest.approx(0.5, abs=0.15)
    assert summary["detection"].to_dict()["typicality"] > 0.7
    for measure in ("errors_aurc", "errors_risk90", "shifted_fpr95"):
        assert summary[measure].to_dict()["oracle"] == summary[measure].min()


def test_every_window_has_its_figures(records: Records) -> None:
    assert foresight(records.windows).shape == (3, 4)
    assert len(noticed(records.scores)) == 13
    clean = unshifted(records.windows).xs(("plant", "polynomial"))
    assert clean["rows"] == 150
    assert clean["calibration_rows"] == 200
    p = uniformity(records.windows)
    assert p.columns.tolist() == ["seed 0", "seed 1"]
    assert ((p > 0) & (p <= 1)).to_numpy().all()


def test_uniformity_is_the_two_sample_test_of_what_typicality_ranks() -> None:
    generator = np.random.default_rng(0)
    calibration, test = generator.normal(size=800), generator.normal(0.1, 1, size=1000)
    above = (calibration[:, None] >= test).mean(0)
    ranks = np.sort(above)
    gap = np.max(np.maximum(np.arange(1, 1001) / 1000 - ranks, ranks - np.arange(1000) / 1000))
    window = {"set": "a", "activation": "b", "seed": 0, "shift": "none"}
    record = window | {"rows": 1000, "calibration_rows": 800, "typicality_ks": gap}
    p = uniformity(pd.DataFrame([record])).iloc[0, 0]
    assert p == pytest.approx(ks_2samp(calibration, test, method="asymp").pvalue, rel=0.1)


def test_a_table_is_markdown() -> None:
    frame = pd.DataFrame({"a": [1.0, None]}, index=pd.Index(["x", "y"], name="key"))
    assert markdown_table(frame).splitlines() == ["| key | a |", "| --- | --- |", "| x | 1.0 |", "| y |  |"]
    assert [p_value(p) for p in (0.0004, 0.0123)] == ["< 0.001", "0.012"]
    assert interval(0.1234, -0.01, 0.2) == "+0.123 (-0.010 to +0.200)"
