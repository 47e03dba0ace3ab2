"""The experiments by name, in the table's order."""

from collections.abc import Mapping

from model_export.reproduction.cifar10c import CIFAR10_C
from model_export.reproduction.mnist import MNIST_VOLATILITY
from model_export.reproduction.pima import PIMA
from model_export.reproduction.pima_protocols import PIMA_PROTOCOLS
from model_export.reproduction.records import Experiment

EXPERIMENTS: Mapping[str, Experiment] = {
    "pima": PIMA,
    "pima-protocols": PIMA_PROTOCOLS,
    "cifar10-c": CIFAR10_C,
    "mnist": MNIST_VOLATILITY,
}
