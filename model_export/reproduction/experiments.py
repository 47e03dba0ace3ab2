"""The experiments by name, in the table's order."""

from collections.abc import Mapping

from model_export.reproduction.pima import PIMA
from model_export.reproduction.records import Experiment

EXPERIMENTS: Mapping[str, Experiment] = {"pima": PIMA}
