"""How an exported graph does on rows that no choice was made by."""

from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from model_export.chainzrule import tail_ratio
from model_export.graph.scorer import Scores
from service.manifest import Evaluation


def evaluate(graph: bytes, table: NDArray[np.float64], codes: NDArray[np.int64], majority: int) -> Evaluation:
    """Return the figures of `graph`, run by onnxruntime, on test rows.

    Args:
        graph: an exported scorer.
        table: raw test rows [N, n_0].
        codes: their class indices [N].
        majority: the commonest class among the training rows.
    """
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    rows = table.astype(np.float32)
    scores: Scores[NDArray[Any]] = Scores(*session.run(list(Scores._fields), {session.get_inputs()[0].name: rows}))
    wrong = scores.label != codes
    likelihood = scores.probabilities[np.arange(len(codes)), codes].astype(np.float64)
    both = wrong.any() and not wrong.all()
    return Evaluation(
        rows=len(codes),
        accuracy=1 - wrong.mean(),
        majority_accuracy=(codes == majority).mean(),
        log_loss=-np.log(np.maximum(likelihood, 1e-12)).mean(),
        mean_reliability=scores.reliability.mean(),
        error_auroc=roc_auc_score(wrong, -scores.reliability) if both else None,
        typicality_below_0_05=(scores.typicality < 0.05).mean(),
        tail_ratio=tail_ratio(torch.from_numpy(scores.tail_ratio)),
    )
