"""Made-up records of every kind that the report shows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from model_export.chainzrule.network import ChainzRuleNetwork
from model_export.reproduction.polynomial_curves import polynomial_records
from model_export.reproduction.records import Record

NETWORKS = [
    *("ChainzRule", "polynomial", "relu + DREG", "relu", "gelu + DREG", "gelu"),
    *("silu + DREG", "silu", "tanh + DREG", "tanh"),
]
CLASSICAL = ["logistic regression", "svm", "random forest", "xgboost"]
PARAMETERS = {"ChainzRule": 5330, "polynomial": 5330}


def frame(records: list[Record]) -> pd.DataFrame:
    return pd.DataFrame(records).assign(unit=lambda made: "seed-" + made["seed"].astype(str))


def pima(repeats: int = 3, folds: int = 10) -> pd.DataFrame:
    """Return a cross-validation in which ChainzRule is better than relu, worse than svm, and as good as the rest."""
    return frame(list(_pima(repeats, folds)))


def _pima(repeats: int, folds: int) -> Iterator[Record]:
    generator = np.random.default_rng(0)
    shift = {"relu": -0.06, "svm": 0.05}
    for contender in (*NETWORKS, *CLASSICAL):
        parameters = 0 if contender in CLASSICAL else PARAMETERS.get(contender, 4818)
        for seed in range(repeats):
            for fraction in (0.05, 0.1, 0.25, 0.5, 1.0):
                for fold in range(folds):
                    where: dict[str, Any] = {"seed": seed, "fold": fold, "fraction": fraction}
                    shared = 0.75 + 0.03 * np.log10(fraction) + 0.03 * np.sin(seed * folds + fold)
                    value = shared + shift.get(contender, 0) + generator.normal(0, 0.01)
                    yield Record(contender, parameters, "accuracy", value, **where)
                    if parameters:
                        tail = 1.02 if contender in PARAMETERS else 1.08
                        tail += generator.normal(0, 0.01) - 0.02 * np.log10(fraction)
                        yield Record(contender, parameters, "tail ratio", tail, **where)
                    if fraction == 1:
                        yield Record(contender, parameters, "log loss", 0.48 + generator.normal(0, 0.02), **where)
        for condition in ("imputed by class", "split of seed 7"):
            yield Record(contender, parameters, "accuracy", 0.85 + generator.normal(0, 0.01), condition=condition)


def cifar10_c(seeds: int = 12) -> pd.DataFrame:
    """Return corrupted images on which ChainzRule is better than every twin; it has 4 points more, of 15 × 5."""
    generator = np.random.default_rng(1)
    made = []
    for seed in range(seeds):
        for contender in NETWORKS:
            gain = 0.04 * (contender == "ChainzRule")
            parameters = PARAMETERS.get(contender, 4818)
            made.append(Record(contender, parameters, "accuracy", 0.55 + generator.normal(0, 0.004), seed))
            made.append(Record(contender, parameters, "robust accuracy", 0.2 + generator.normal(0, 0.004), seed))
            radii = ("eps 2/255", "eps 8/255")
            made += [Record(contender, parameters, "robust accuracy", 0.2, seed, condition=radius) for radius in radii]
            corrupted = [
                Record(
                    contender,
                    parameters,
                    "corruption accuracy",
                    0.53 + gain - 0.04 * severity + generator.normal(0, 0.004),
                    seed,
                    condition=f"{corruption} {severity}",
                )
                for corruption in ("gaussian noise", "fog", "pixelate")
                for severity in range(1, 6)
            ]
            mean = float(np.mean([record.value for record in corrupted]))
            made += [*corrupted, Record(contender, parameters, "corruption accuracy", mean, seed)]
    return frame(made)


def sst5(seeds: int = 5) -> pd.DataFrame:
    """Return too few seeds to show anything, and polynomials."""
    generator = np.random.default_rng(2)
    made = [
        Record(contender, PARAMETERS.get(contender, 4818), metric, centre + generator.normal(0, 0.004), seed)
        for seed in range(seeds)
        for contender in NETWORKS
        for metric, centre in (("accuracy", 0.46), ("tail ratio", 1.1), ("seconds", 2.0))
    ]
    start, network = ChainzRuleNetwork((3, 16, 16, 2)), ChainzRuleNetwork((3, 16, 16, 2))
    for name, parameter in network.named_parameters():
        if name.endswith("coefficients"):
            parameter.data += 0.05 * parameter.new_tensor(generator.normal(size=parameter.shape))
    return frame([*made, *polynomial_records("ChainzRule", network, start)])
