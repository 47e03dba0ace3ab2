"""The experiments by name, in the table's order."""

from collections.abc import Mapping

from model_export.reproduction.ablations import ABLATIONS
from model_export.reproduction.cifar10c import CIFAR10_C
from model_export.reproduction.fine_tuned import FINE_TUNED
from model_export.reproduction.mnist import MNIST_VOLATILITY
from model_export.reproduction.pima import PIMA
from model_export.reproduction.pima_protocols import PIMA_PROTOCOLS
from model_export.reproduction.records import Experiment
from model_export.reproduction.sst5 import SENTENCES, WITH_PHRASES
from model_export.reproduction.yelp import YELP

EXPERIMENTS: Mapping[str, Experiment] = {
    "pima": PIMA,
    "pima-protocols": PIMA_PROTOCOLS,
    "sst5": SENTENCES,
    "sst5-phrases": WITH_PHRASES,
    "sst5-finetuned": FINE_TUNED,
    "yelp": YELP,
    "cifar10-c": CIFAR10_C,
    "mnist": MNIST_VOLATILITY,
    "ablations": ABLATIONS,
}
