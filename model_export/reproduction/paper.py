"""What the paper claims, and where our protocol differs from what is known of its own.

The paper is arXiv 2605.24340, of which abstract and summary alone were at hand.
"""

from enum import Enum, auto
from typing import NamedTuple

from model_export.reproduction.mnist import WIDE_SUFFIX

USUAL = ("relu", "gelu", "silu", "tanh")
"""The twins with usual activations, without DREG, that the paper compares with."""


class Form(Enum):
    """How a number is stated."""

    VALUE = auto()
    """As it is"""

    DIFFERENCE = auto()
    """Minus that of each usual twin"""

    CHANGE = auto()
    """Relative to that of each usual twin"""

    FRACTIONS = auto()
    """The least and the most over the shares of training data, means over seeds"""


class Claim(NamedTuple):
    """One number of the paper, or one that belongs beside it."""

    domain: str
    experiment: str
    metric: str
    stated: str
    """The paper's number; "none" where it has none"""

    compared: str
    """What the paper compares it with"""

    differs: str
    """How our protocol differs from the paper's, as far as that is known"""

    form: Form = Form.VALUE

    suffix: str = ""
    """What the names of those it is compared with end in"""

    def concerns(self, contender: str) -> bool:
        """Return whether it compares ChainzRule with this contender: with wide twins only where it says so."""
        return contender.endswith(WIDE_SUFFIX) == (self.suffix == WIDE_SUFFIX)


_ENCODER = "encoder MiniLM-L6 of 22 M parameters, the paper's is not known to us"
_TAU = (
    "over which norm and which rows the paper takes τ is not known to us: here p99 / mean of ‖J(x)‖_F over the test "
    "rows, of the logits by the standardised input"
)
_CIFAR10 = "CIFAR-10 lacks 94 of 60,000 images, 20 of them of the test set"
_OWN = "the paper has no such number; measured so that the one above can be judged"

_VOLATILITY = (
    "the paper's definition is not known to us: here the largest rolling standard deviation, over 50 steps, of the "
    "norm of the parameters' gradient, divided by its rolling mean"
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "Pima diabetes",
        "pima",
        "accuracy",
        "85.71 % ± 2.01 %",
        "above SVM and XGBoost",
        "the paper's split and its handling of missing values are not known to us; here 10 × 10-fold cross-validation, "
        "filled and standardised within the fold",
    ),
    Claim(
        "SST-5, frozen encoder, sentences",
        "sst5",
        "accuracy",
        "46.20 % ± 0.37 %",
        "above RNTN (45.7 %) with about 5 % of its training data",
        _ENCODER,
    ),
    Claim(
        "SST-5, frozen encoder, phrases",
        "sst5-phrases",
        "accuracy",
        "none",
        "RNTN (45.7 %) learns from phrases",
        f"{_OWN}, and with an embedding a quarter as wide; {_ENCODER}",
    ),
    Claim(
        "SST-5, fine-tuned",
        "sst5-finetuned",
        "accuracy",
        "55.79 %",
        "BERT-base with a linear head, 54.9 %",
        "MiniLM-L6 of 22 M parameters is fine-tuned instead of BERT-base of 110 M",
    ),
    Claim(
        "Yelp Full, ordinal",
        "yelp",
        "accuracy",
        "70.17 % with 3.2 M parameters",
        "66.35 %, mean of ten models",
        "24,976 reviews of three origins, in other shares of stars, instead of the 700,000 of Yelp Review Full; "
        f"{_ENCODER}",
    ),
    Claim(
        "CIFAR-10-C, mean corruption accuracy",
        "cifar10-c",
        "corruption accuracy",
        "+2.32 points",
        "the same MLP with usual activations",
        f"{_CIFAR10}; the corruptions are made here from the published description, not the published files",
        Form.DIFFERENCE,
    ),
    Claim(
        "CIFAR-10, PGD",
        "cifar10-c",
        "robust accuracy",
        "+1.04 points",
        "the same MLP with usual activations",
        f"{_CIFAR10}; the paper's radius and steps are not known to us",
        Form.DIFFERENCE,
    ),
    Claim(
        "CIFAR-10, unaltered",
        "cifar10-c",
        "accuracy",
        "none",
        "the same MLP with usual activations",
        f"{_OWN}; {_CIFAR10}",
        Form.DIFFERENCE,
    ),
    Claim(
        "MNIST, peak gradient volatility",
        "mnist",
        "peak gradient volatility",
        "−23.1 %",
        "usual activations with 15.5 × its parameters",
        _VOLATILITY,
        Form.CHANGE,
        WIDE_SUFFIX,
    ),
    Claim(
        "MNIST, peak gradient volatility at equal widths",
        "mnist",
        "peak gradient volatility",
        "none",
        "usual activations at equal widths",
        f"{_OWN}; {_VOLATILITY}",
        Form.CHANGE,
    ),
    Claim("MNIST, accuracy", "mnist", "accuracy", "none", "usual activations at equal widths", _OWN, Form.DIFFERENCE),
    Claim(
        "τ on Pima diabetes",
        "pima",
        "tail ratio",
        "1.01–1.02 at every data fraction",
        "1.07–1.09 for usual activations",
        _TAU,
        Form.FRACTIONS,
    ),
    Claim(
        "τ on SST-5, frozen encoder, sentences",
        "sst5",
        "tail ratio",
        "1.01–1.02 at every data fraction",
        "1.07–1.09 for usual activations",
        f"{_TAU}; {_ENCODER}",
        Form.FRACTIONS,
    ),
)
"""In the order of the paper's table. In each ChainzRule is compared, on a metric of an experiment."""
