"""What weighting a rare class in training does to probabilities, its logits put back to the classes' own frequencies.

Weighted cross-entropy fits p(c | x) w_c over its sum, so that taking log w_c from each logit gives p(c | x) again
(Elkan, "The foundations of cost-sensitive learning", 2001). "balanced" weighs each class alike, "root" by the root of
that. On generated tables (scikit-learn's make_classification) with 3 and 1 % of the rarer class; 6,000 rows to train
on, as many to test on.

    python -m tests.benchmarks.rare_classes
"""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from skorch.dataset import Dataset

from model_export.training import ChainzRuleClassifier

ROWS, SEEDS = 6_000, 3


class Weighted(ChainzRuleClassifier):
    """The usual classifier, each class weighted by the inverse of its frequency to some power.

    Args:
        power: 1 lets each class weigh alike.
        settings: of the classifier.
    """

    def __init__(self, power: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.power = power

    def fit(self, X: Any, y: ArrayLike, *, validation_mask: ArrayLike | None = None) -> Self:
        """Train, and take each class's log weight from its logit."""
        counts = np.bincount(np.asarray(y))
        weights = (len(np.asarray(y)) / (len(counts) * counts)) ** self.power
        self._weights = torch.from_numpy(weights / np.average(weights, weights=counts)).float()
        super().fit(X, y, validation_mask=validation_mask)
        with torch.no_grad():
            self.network_.head.bias.sub_(torch.log(self._weights))  # type: ignore[operator]
        return self

    def _make_net(self, features: int, validation: Dataset) -> Any:
        net = super()._make_net(features, validation)
        net.set_params(criterion__weight=self._weights)
        return net


def main() -> None:
    """Print a line for each share, seed and way."""
    torch.set_num_threads(1)
    print("share  seed  weights    log loss  AUROC  average precision  mean probability  observed")
    for share in (0.03, 0.01):
        for seed in range(SEEDS):
            rows, labels = make_classification(
                2 * ROWS,
                15,
                n_informative=8,
                n_redundant=2,
                weights=[1 - share],
                flip_y=0.005,
                class_sep=0.8,
                n_clusters_per_class=3,
                random_state=seed,
            )
            settings: dict[str, Any] = {"batch_size": 64, "random_state": seed}
            for name, power in (("none", 0.0), ("root", 0.5), ("balanced", 1.0)):
                model = Weighted(power, **settings).fit(rows[:ROWS], labels[:ROWS])
                found, truth = model.predict_proba(rows[ROWS:])[:, 1].astype(float), labels[ROWS:]
                measured = f"{log_loss(truth, found):8.4f}  {roc_auc_score(truth, found):.3f}"
                precision = average_precision_score(truth, found)
                means = f"{found.mean():16.4f}  {truth.mean():8.4f}"
                print(f"{share:5.2f}  {seed:4}  {name:9}  {measured}  {precision:17.3f}  {means}", flush=True)


if __name__ == "__main__":
    main()
