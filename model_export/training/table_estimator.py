"""What the scikit-learn estimators of tables have in common: settings, reading, training."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.callbacks import EarlyStopping, GradientNormClipping
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import Tensor, nn

from model_export.chainzrule import ChainzRuleNetwork
from model_export.errors import DataError
from model_export.training.dreg_net import DregClassifier, DregRegressor
from model_export.training.progress import EpochProgress
from model_export.training.schedule import DEFAULT_LAMBDA, Schedule
from model_export.training.standardiser import Standardiser
from model_export.training.table import read_table, read_validation


class TableEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A ChainzRule network on a raw table: missing values and units are its own business.

    Works in a Pipeline, in `cross_val_score` and in `clone`. The same seed on the same machine gives the same network.
    Which targets it learns, and by which loss, its subclasses say.

    Args:
        hidden_widths: widths of the hidden layers.
        activation: "polynomial", or "relu", "gelu", "silu", "tanh" for a twin to compare with.
        degree: degree of the polynomials.
        curvature: their starting second-order coefficient, see `Polynomial`.
        dreg: DREG's weight λ: a constant, or a `Schedule`; 0 for none.
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        batch_size: rows a step.
        max_epochs: the most passes over the training rows.
        patience: epochs without a better validation loss before training stops; the best network is kept.
        validation_fraction: share of the rows held out to stop early by, unless `fit` is told which.
        random_state: seed of the split, the start and the order of the rows, as scikit-learn takes it.
        progress: draw a progress bar.

    Attributes:
        standardiser_: the fitted `Standardiser`.
        network_: the fitted `ChainzRuleNetwork`, float32, on the CPU.
        n_features_in_, feature_names_in_: as scikit-learn has them.
        epochs_: epochs trained, those without progress at the end included.
        training_rows_, validation_rows_: rows trained on, and rows held out to stop by.
    """

    def __init__(
        self,
        hidden_widths: Sequence[int] = (64, 64),
        *,
        activation: str = "polynomial",
        degree: int = 3,
        curvature: float = 0.5,
        dreg: float | Schedule = DEFAULT_LAMBDA,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-2,
        batch_size: int = 32,
        max_epochs: int = 200,
        patience: int = 20,
        validation_fraction: float = 0.15,
        random_state: int | np.random.RandomState | None = None,
        progress: bool = False,
    ) -> None:
        self.hidden_widths = hidden_widths
        self.activation = activation
        self.degree = degree
        self.curvature = curvature
        self.dreg = dreg
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.progress = progress

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @property
    def schedule(self) -> Schedule:
        """λ over training."""
        return self.dreg if isinstance(self.dreg, Schedule) else Schedule(self.dreg)

    def _read(self, X: Any) -> NDArray[np.float64]:
        """Return the rows X to be trained on, as `read_table` does, once the settings are known to be good."""
        if not (0 < self.validation_fraction < 1 and self.max_epochs >= 1):
            raise DataError(
                f"validation_fraction is {self.validation_fraction} and max_epochs {self.max_epochs}: training stops "
                "by a share of the rows between 0 and 1, after at least 1 epoch"
            )
        table = read_table(X)
        validate_data(self, X, skip_check_array=True)
        return table

    def _train(self, table: NDArray[np.float64], targets: NDArray[Any], validation_mask: ArrayLike | None) -> None:
        """Train on the rows [N, n_0] and their targets [N, …], as the loss takes them; stop by those of the mask."""
        state = self.random_state
        seed = int(state) if isinstance(state, int | np.integer) else int(check_random_state(state).randint(2**31))
        if validation_mask is None:
            training, validation = self._split(targets, seed)
        else:
            training, validation = read_validation(validation_mask, len(table))
            self._check_targets(targets[training])
        self._check_columns(table[training])

        self.standardiser_ = Standardiser.fit(table[training])
        rows = self.standardiser_(torch.from_numpy(table)).float().numpy()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = self._make_net(rows.shape[1], Dataset(rows[validation], targets[validation]))
            net.fit(rows[training], targets[training])
        if net.interrupted:
            raise KeyboardInterrupt
        self.network_: ChainzRuleNetwork = net.module_.eval().requires_grad_(False)
        self.epochs_ = len(net.history)
        self.training_rows_, self.validation_rows_ = len(training), len(validation)
        if not np.isfinite(self._outputs(table)).all():
            raise DataError("training diverged: lower the learning rate, or raise DREG's weight")

    def _checked_outputs(self, X: Any) -> Tensor:
        """Return the network's outputs [N, K] for rows X that the user sends."""
        check_is_fitted(self)
        table = read_table(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        return torch.from_numpy(self._outputs(table))

    def _outputs(self, table: NDArray[np.float64]) -> NDArray[np.float32]:
        with torch.no_grad():
            outputs: NDArray[np.float32] = self.network_(self.standardiser_(torch.from_numpy(table)).float()).numpy()
        return outputs

    def _check_columns(self, table: NDArray[np.float64]) -> None:
        """Refuse a column without a value, and one that varies less than the float32 of clients and graph resolves."""
        names = getattr(self, "feature_names_in_", range(table.shape[1]))
        for name, column in zip(names, table.T, strict=True):
            known = column[~np.isnan(column)]
            if len(known) == 0:
                raise DataError(f"column '{name}' has no value in any training row: drop it")
            if known.min() < known.max() and known.std() < 1e-6 * np.abs(known).max():
                raise DataError(
                    f"column '{name}' varies by {known.std():.2g} around {known.mean():.7g}, which 32-bit floats "
                    "cannot tell apart: subtract a fixed offset from it"
                )

    @abstractmethod
    def _split(self, targets: NDArray[Any], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw training and validation rows, and return their indices."""

    @abstractmethod
    def _check_targets(self, targets: NDArray[Any]) -> None:
        """Refuse what cannot be learned of the targets of the rows that someone left to train on."""

    @abstractmethod
    def _make_net(self, features: int, validation: Dataset) -> DregClassifier | DregRegressor:
        """Return what trains, for so many features."""

    def _settings(self, features: int, outputs: int, criterion: type[nn.Module], validation: Dataset) -> dict[str, Any]:
        """Return what a net of either kind is made with."""
        callbacks = [
            ("clip", GradientNormClipping(1.0)),
            ("stop", EarlyStopping(patience=self.patience, load_best=True, sink=lambda _: None)),
        ]
        if self.progress:
            callbacks.append(("progress", EpochProgress()))
        return {
            "module": ChainzRuleNetwork,
            "module__widths": (features, *self.hidden_widths, outputs),
            "module__activation": self.activation,
            "module__degree": self.degree,
            "module__curvature": self.curvature,
            "schedule": self.schedule,
            "criterion": criterion,
            "optimizer": torch.optim.AdamW,
            "optimizer__weight_decay": self.weight_decay,
            "lr": self.learning_rate,
            "batch_size": self.batch_size,
            "max_epochs": self.max_epochs,
            "train_split": predefined_split(validation),
            "iterator_train__shuffle": True,
            "callbacks": callbacks,
            "verbose": 0,
        }
