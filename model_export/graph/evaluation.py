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

_ROWS_AT_A_TIME = 1024


def run_graph(graph: bytes, rows: NDArray[Any]) -> Scores[NDArray[Any]]:
    """Return what onnxruntime makes of raw rows [N, …] with an exported scorer."""
    return Scores(**run_outputs(graph, rows))


def run_outputs(graph: bytes, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the outputs of any exported scorer by name."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    tensor, names = session.get_inputs()[0].name, [output.name for output in session.get_outputs()]
    starts = range(0, len(rows), _ROWS_AT_A_TIME)
    parts = [session.run(names, {tensor: rows[start : start + _ROWS_AT_A_TIME]}) for start in starts]
    return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))


def evaluate(scores: Scores[NDArray[Any]], codes: NDArray[np.int64], training_codes: NDArray[np.int64]) -> Evaluation:
    """Return the figures of an exported graph's answers to test rows.

    Args:
        scores: the answers.
        codes: the rows' class indices [N].
        training_codes: those of the training rows, whose commonest class is what to beat.
    """
    majority = np.bincount(training_codes).argmax()
    wrong = scores.label != codes
    likelihood = scores.probabilities[np.arange(len(codes)), codes].astype(np.float64)
    both = wrong.any() and not wrong.all()
    levels = scores.expected_level is not None
    return Evaluation(
        rows=len(codes),
        accuracy=1 - wrong.mean(),
        majority_accuracy=(codes == majority).mean(),
        log_loss=-np.log(np.maximum(likelihood, 1e-12)).mean(),
        mean_absolute_error=np.abs(scores.label - codes).mean() if levels else None,
        mean_reliability=scores.reliability.mean(),
        error_auroc=roc_auc_score(wrong, -scores.reliability) if both else None,
        typicality_below_0_05=(scores.typicality < 0.05).mean(),
        tail_ratio=tail_ratio(torch.from_numpy(scores.tail_ratio)),
    )
