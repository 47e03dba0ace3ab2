"""Proof that a regression's graph does what its network does, derivatives included."""

from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.graph.regression.scorer import RegressionScorer, RegressionScores, as_arrays
from model_export.graph.verification import (
    LOOSEST,
    ROUNDING,
    compare,
    head_terms,
    layers_tolerance,
    rounded,
    verification_rows,
)


def check_regression_parity(scorer: RegressionScorer, graph: bytes, usual: NDArray[Any], *, seed: int = 0) -> None:
    """Compare every output of `graph` with `scorer` in float64, on `verification_rows`.

    A difference is relative to what float32 can resolve there:

    - value: the terms of the head's sum, Σ |w| |h| + |b|.
    - lower, upper: the same, half the interval's width, and the change of that by float32's rounding of derivatives.
    - jacobian_norm, sensitivity: the gradient's norm, or its root mean square over such rows if that is larger.
    - tail_ratio: the same over its mean norm.
    - typicality, reliability: 1, and the change that float32's rounding of derivatives makes, never more than 0.1.

    Args:
        scorer: what the graph must equal.
        graph: ONNX.
        usual: raw rows [N, …] like those the model will meet, calibration rows for one; NaN where a value is missing.
        seed: of the other rows.

    Raises:
        VerificationError: naming the output, the kind of row and the difference, or an output that is not finite.
    """
    tolerance = layers_tolerance(scorer.network)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    tensor = session.get_inputs()[0].name
    for kind, rows in verification_rows(scorer, usual, seed):
        with torch.no_grad():
            exact = torch.from_numpy(rows)
            exact = exact.double() if exact.is_floating_point() else exact
            expected = as_arrays(scorer(exact))
            scales = _scales(scorer, exact, expected, tolerance)
        names = list(expected.present())
        found = dict(zip(names, session.run(names, {tensor: rows}), strict=True))
        everywhere = np.ones(len(rows), dtype=np.bool_)
        compare(kind, expected.present(), found, scales.present(), everywhere, tolerance)


def _scales(
    scorer: RegressionScorer, rows: Tensor, expected: RegressionScores[NDArray[Any]], tolerance: float
) -> RegressionScores[NDArray[Any]]:
    """Return what each output's difference is measured against, [N] each."""
    trace = scorer.network.trace(scorer.standardiser(rows))
    derivatives = scorer.network.fingerprint(trace.records)

    def answers(moved: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        return (*scorer.trust(rows, moved), scorer.quantile * scorer.difficulty(moved[1]))

    exact = answers(derivatives)
    tried = [answers(moved) for moved in rounded(derivatives, ROUNDING * tolerance)]
    changes = [torch.stack([(other[part] - exact[part]).abs() for other in tried]).amax(0) for part in range(3)]
    rank, trust, half = (change.numpy() / tolerance for change in changes)
    terms = head_terms(scorer.network, trace).numpy()
    width = expected.upper - expected.lower
    norm = np.maximum(expected.jacobian_norm, np.finfo(np.float64).tiny)
    resolved = np.maximum(norm, np.sqrt(np.mean(norm**2)))
    return RegressionScores(
        value=terms,
        lower=terms + width / 2 + half,
        upper=terms + width / 2 + half,
        jacobian_norm=resolved,
        tail_ratio=expected.tail_ratio * resolved / norm,
        typicality=1 + np.minimum(rank, LOOSEST / tolerance),
        reliability=1 + np.minimum(trust, LOOSEST / tolerance),
        sensitivity=resolved,
    )
