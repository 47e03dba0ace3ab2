"""The scikit-learn estimator."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.callbacks import EarlyStopping, GradientNormClipping
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import Tensor, nn

from model_export.chainzrule import ChainzRuleNetwork
from model_export.errors import DataError
from model_export.training.dreg_classifier import DregClassifier
from model_export.training.progress import EpochProgress
from model_export.training.schedule import DEFAULT_LAMBDA, Schedule
from model_export.training.standardiser import Standardiser
from model_export.training.table import read_labels, read_table


class ChainzRuleClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A ChainzRule network on a raw table: missing values and units are its own business.

    Works in a Pipeline, in `cross_val_score` and in `clone`. The same seed on the same machine gives the same network.

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
        validation_fraction: share of the rows held out to stop early by, stratified.
        random_state: seed of the split, the start and the order of the rows, as scikit-learn takes it.
        progress: draw a progress bar.

    Attributes:
        classes_: [K], sorted.
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

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Train on rows X [N, n_0], numeric, NaN where a value is missing, and their labels y [N].

        Raises:
            DataError: if the table or the labels cannot be learned from, naming the column or row and the cure.
        """
        if not (0 < self.validation_fraction < 1 and self.max_epochs >= 1):
            raise DataError(
                f"validation_fraction is {self.validation_fraction} and max_epochs {self.max_epochs}: training stops "
                "by a share of the rows between 0 and 1, after at least 1 epoch"
            )
        table = read_table(X)
        validate_data(self, X, skip_check_array=True)
        self.classes_, codes = read_labels(y, len(table))
        state = self.random_state
        seed = int(state) if isinstance(state, int | np.integer) else int(check_random_state(state).randint(2**31))
        training, validation = self._split(codes, seed)
        self._check_columns(table[training])

        self.standardiser_ = Standardiser.fit(table[training])
        rows = self.standardiser_(torch.from_numpy(table)).float().numpy()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = self._make_net(rows.shape[1], Dataset(rows[validation], codes[validation]))
            net.fit(rows[training], codes[training])
        if net.interrupted:
            raise KeyboardInterrupt
        self.network_: ChainzRuleNetwork = net.module_.eval().requires_grad_(False)
        self.epochs_ = len(net.history)
        self.training_rows_, self.validation_rows_ = len(training), len(validation)
        if not np.isfinite(self._logits(table)).all():
            raise DataError("training diverged: lower the learning rate, or raise DREG's weight")
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the class probabilities [N, K] of rows X [N, n_0], columns in the order of `classes_`."""
        probabilities: NDArray[np.float32] = torch.softmax(self._checked_logits(X), 1).numpy()
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class [N] of rows X [N, n_0]."""
        check_is_fitted(self)
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels

    def _checked_logits(self, X: Any) -> Tensor:
        check_is_fitted(self)
        validate_data(self, X, skip_check_array=True, reset=False)
        return torch.from_numpy(self._logits(read_table(X)))

    def _logits(self, table: NDArray[np.float64]) -> NDArray[np.float32]:
        with torch.no_grad():
            logits: NDArray[np.float32] = self.network_(self.standardiser_(torch.from_numpy(table)).float()).numpy()
        return logits

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

    def _split(self, codes: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the indices of training and validation rows, stratified by class."""
        counts = np.bincount(codes)
        rare = int(counts.argmin())
        held_out = int(np.ceil(self.validation_fraction * len(codes)))
        if counts[rare] < 2 or held_out < len(counts) or len(codes) - held_out < len(counts):
            raise DataError(
                f"{len(codes)} rows are too few to hold out a validation set with every class in it (class "
                f"'{self.classes_[rare]}' has {counts[rare]}): give more rows, at least 2 a class"
            )
        split: list[NDArray[np.int64]] = train_test_split(
            np.arange(len(codes)), test_size=held_out, stratify=codes, random_state=seed
        )
        training, validation = split
        return training, validation

    def _make_net(self, features: int, validation: Dataset) -> DregClassifier:
        callbacks = [
            ("clip", GradientNormClipping(1.0)),
            ("stop", EarlyStopping(patience=self.patience, load_best=True, sink=lambda _: None)),
        ]
        if self.progress:
            callbacks.append(("progress", EpochProgress()))
        return DregClassifier(
            ChainzRuleNetwork,
            module__widths=(features, *self.hidden_widths, len(self.classes_)),
            module__activation=self.activation,
            module__degree=self.degree,
            module__curvature=self.curvature,
            schedule=self.schedule,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=self.weight_decay,
            lr=self.learning_rate,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            train_split=predefined_split(validation),
            iterator_train__shuffle=True,
            callbacks=callbacks,
            verbose=0,
        )
