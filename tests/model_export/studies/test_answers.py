import pandas as pd

from model_export.studies.answers import adds_to_margin, beats_same_distance, comparison_table, conditional_table


def added(name: str, activation: str, p: float, gain: float, effects: tuple[float, float]) -> dict[str, str | float]:
    least, most = effects
    effect = {"effect": (least + most) / 2, "effect_least": least, "effect_most": most}
    gains = {"gain": gain, "gain_least": gain - 0.01, "gain_most": gain + 0.01}
    where = {"set": name, "activation": activation, "rows": "shifted", "addition": "typicality"}
    return where | effect | gains | {"p": p / 2, "p_holm": p}


def test_what_is_said_of_the_margin_follows_from_the_numbers() -> None:
    records = pd.DataFrame(
        [
            added("pima", "polynomial", 0.01, 0.02, (-2, -1)),
            added("pima", "gelu", 0.01, 0.02, (-2, -1)),
            added("sst5", "polynomial", 0.01, -0.001, (-2, -1)),
            added("sst5", "relu", 0.01, 0.02, (-2, 1)),
            added("mnist", "relu", 0.06, 0.02, (-2, -1)),
        ]
    )
    assert list(adds_to_margin(records)) == [
        "- `typicality`, shifted rows: significant, and ranks other rows' errors better in every seed on pima "
        "(polynomial/gelu); significant, but does not rank better in every seed on sst5 (polynomial); significant, "
        "but not in one direction over the seeds on sst5 (relu); not shown to add anything on mnist (relu)."
    ]
    assert conditional_table(records).iloc[3].tolist() == [
        "-0.500 (-2.000 to +1.000)",
        "0.005",
        "0.010",
        "+0.020 (+0.010 to +0.030)",
    ]


def test_what_is_said_of_the_signature_follows_from_the_numbers() -> None:
    records = pd.DataFrame(
        [("pima", 0.1, 0.01), ("sst5", -0.1, 0.01), ("mnist", 0.1, 0.2)], columns=["set", "difference", "p_holm"]
    ).assign(activation="polynomial", question="noticing", baseline="other", low=-0.2, high=0.2)
    assert list(beats_same_distance(records)) == [
        "- `typicality` against `other`: significantly better on pima (polynomial); significantly worse on sst5 "
        "(polynomial); not told apart on mnist (polynomial)."
    ]
    cells = comparison_table(records).loc["other"]
    assert cells["sst5"] == "-0.100 (-0.200 to +0.200) *"
    assert cells["mnist"] == "+0.100 (-0.200 to +0.200)"
