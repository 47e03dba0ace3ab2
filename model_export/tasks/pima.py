"""Pima Indians diabetes: 768 women of at least 21, eight measurements, diabetes within five years or not.

Smith et al., "Using the ADAP learning algorithm to forecast the onset of diabetes mellitus" (1988).
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml

from model_export.errors import DataError, DataNotFoundError
from model_export.tasks.data import DATA_VARIABLE, local_file
from model_export.tasks.table_task import TableTask
from model_export.training import ChainzRuleClassifier

FILE = "pima/diabetes.csv"
UNITS = {
    "Pregnancies": "count",
    "Glucose": "mg/dL",
    "BloodPressure": "mmHg",
    "SkinThickness": "mm",
    "Insulin": "µU/mL",
    "BMI": "kg/m²",
    "DiabetesPedigreeFunction": None,
    "Age": "years",
}
ZERO_IS_MISSING = ("Glucose", "BloodPressure", "SkinThickness", "Insulin", "BMI")
"""Measurements that cannot be 0 in a living person; the data set writes 0 where one is missing."""


def load_pima() -> pd.DataFrame:
    """Return the table with its label in `Outcome`, zeros that stand for missing values made NaN.

    Raises:
        DataNotFoundError: if it is neither in the local folder nor to be had from OpenML.
    """
    file = local_file(FILE)
    if file is not None:
        return clean(pd.read_csv(file))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each retry warns, and the outcome says it all
            table = fetch_openml("diabetes", version=1, as_frame=True, n_retries=1).frame
    except OSError as error:
        raise DataNotFoundError(
            f"Pima diabetes is not at hand: put {FILE} into the folder that {DATA_VARIABLE} names, or let this "
            f"machine reach OpenML ({error})"
        ) from error
    return clean(from_openml(table))


def from_openml(table: pd.DataFrame) -> pd.DataFrame:
    """Return OpenML's table (data set 37, same columns in the same order under other names) under our names."""
    renamed = table.set_axis([*UNITS, "Outcome"], axis="columns")
    return renamed.assign(Outcome=(renamed["Outcome"] == "tested_positive").astype(int))


def clean(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with NaN where a zero stands for a missing value.

    Raises:
        DataError: if a column is not there or does not hold numbers.
    """
    missing = [name for name in (*UNITS, "Outcome") if name not in table.columns]
    if missing:
        raise DataError(f"the Pima table lacks the columns {', '.join(missing)}: is its first line the header?")
    try:
        table = table.astype(dict.fromkeys(UNITS, float))
    except ValueError as error:
        raise DataError(f"the Pima table holds something that is not a number: {error}") from error
    table[list(ZERO_IS_MISSING)] = table[list(ZERO_IS_MISSING)].replace(0.0, np.nan)
    return table


PIMA = TableTask(
    name="pima",
    description="Onset of diabetes within five years, from eight measurements",
    data="Pima Indians diabetes (768 rows; 0 read as missing where a measurement cannot be 0)",
    load=load_pima,
    target="Outcome",
    class_names={0: "negative", 1: "positive"},
    units=UNITS,
    estimator=ChainzRuleClassifier(dreg=0.03),
)
