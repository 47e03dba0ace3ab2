"""The networks that are compared."""

from dataclasses import dataclass

from model_export.reproduction.records import CHAINZRULE


@dataclass(frozen=True)
class Contender:
    """A kind of network; twins have the same layers, rows and tuning budget.

    Args:
        activation: one of `chainzrule.ACTIVATIONS`.
        dreg: whether it is trained with DREG, whose λ is then chosen on validation rows.
        spectral: whether every weight matrix is divided by its largest singular value, as Miyato et al. (2018) do.
    """

    activation: str
    dreg: bool
    spectral: bool = False

    @property
    def name(self) -> str:
        """What records and tables call it."""
        if self.activation == "polynomial":
            return CHAINZRULE if self.dreg else "polynomial"
        return f"{'spectral ' * self.spectral}{self.activation}{' + DREG' * self.dreg}"


NETWORKS = tuple(
    Contender(activation, dreg)
    for activation in ("polynomial", "relu", "gelu", "silu", "tanh")
    for dreg in (True, False)
)
"""ChainzRule and its nine twins."""
