"""Proof that the exported graph does what its network does, derivatives included."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.errors import VerificationError
from model_export.graph.scorer import Scorer, Scores
from model_export.reliability.confidence import log_odds

TOLERANCE = 1e-5
"""Largest relative difference between the network in float64 and its graph in float32."""

_ROWS = 512


def check_parity(scorer: Scorer, graph: bytes, *, seed: int = 0, tolerance: float = TOLERANCE) -> None:
    """Compare every output of `graph` with `scorer` in float64: random rows, rows with gaps, rows far outside training.

    A difference is relative to what float32 can resolve: an output's own size, or 1 for what lives in [0, 1]; more
    where it hangs on a difference of larger numbers: a probability on the logits over the temperature, as steeply as
    softmax does there; a distance on the logits and the gradient; a gradient on the usual gradient of such rows; what
    ranks or weighs the signature on the derivatives. Rows whose two largest logits agree to that precision have no
    label to compare.

    Raises:
        VerificationError: naming the output, the kind of row and the difference, or an output that is not finite.
    """
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    tensor = session.get_inputs()[0].name
    for kind, rows in verification_rows(scorer, seed):
        with torch.no_grad():
            exact = torch.from_numpy(rows).double()
            expected = Scores(*(output.numpy() for output in scorer(exact)))
            slopes = _slopes(scorer, exact, tolerance)
        found = Scores(*session.run(list(Scores._fields), {tensor: rows}))
        scales = _scales(expected, *slopes)
        decided = expected.boundary_distance > tolerance * scales.boundary_distance
        for name, values in zip(Scores._fields, found, strict=True):
            if not np.isfinite(values).all():
                raise VerificationError(
                    f"{name} is not finite on {kind}: train with a larger DREG weight or fewer layers, so that the "
                    "polynomials stay tame out to the clamp of the inputs"
                )
        for name, wanted, got, scale in zip(Scores._fields, expected, found, scales, strict=True):
            difference = np.abs(wanted - got).reshape(len(rows), -1).max(1)[decided] / scale[decided]
            if difference.max(initial=0.0) > tolerance:
                raise VerificationError(
                    f"{name} differs between torch and onnxruntime by {difference.max():.2g} on {kind}; "
                    f"{tolerance:.0e} is allowed"
                )


def verification_rows(scorer: Scorer, seed: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield kinds of raw rows [512, n_0]: like the training rows, with missing values, and far outside."""
    generator = np.random.default_rng(seed)
    mean, deviation = scorer.standardiser.mean.numpy(), scorer.standardiser.deviation.numpy()
    standard = generator.normal(size=(_ROWS, len(mean)))
    gaps = np.where(generator.random(standard.shape) < 0.3, np.nan, standard)
    for kind, rows in {
        "random rows": standard,
        "rows with missing values": gaps,
        "rows of missing values alone": np.full_like(standard[:1], np.nan),
        "rows far outside the training range": 8 * standard,
        "rows at the clamp": 1e6 * standard,
    }.items():
        yield kind, (mean + deviation * rows).astype(np.float32)


def _slopes(scorer: Scorer, rows: Tensor, step: float) -> tuple[NDArray[np.float64], ...]:
    """Return, [N] each, the largest |logit|, it over the temperature, and typicality's and reliability's steepness.

    Steepness is by the derivatives' change, relative where they are large.
    """
    trace = scorer.network.trace(scorer.standardiser(rows))
    odds = log_odds(torch.softmax(trace.logits / scorer.temperature, 1).amax(1))
    generator = torch.Generator().manual_seed(0)

    def answers(amount: float) -> tuple[Tensor, Tensor]:
        signs = (torch.randint(2, d.shape, generator=generator) * 2 - 1 for d in trace.derivatives)
        moved = [d + amount * (1 + d.abs()) * sign for d, sign in zip(trace.derivatives, signs, strict=True)]
        distance = scorer.signature(moved)
        return scorer.scale(distance), scorer.confidence(odds, scorer.tail(distance))

    exact, *moved = (answers(amount) for amount in (0.0, step, -step, step, -step))
    rank, pull = (
        torch.stack([(other[part] - exact[part]).abs() for other in moved]).amax(0) / step for part in range(2)
    )
    largest = trace.logits.abs().amax(1)
    return largest.numpy(), (largest / scorer.temperature).numpy(), rank.numpy(), pull.numpy()


def _scales(
    expected: Scores[NDArray[Any]],
    logits: NDArray[np.float64],
    exponents: NDArray[np.float64],
    rank: NDArray[np.float64],
    pull: NDArray[np.float64],
) -> Scores[NDArray[Any]]:
    """Return what each output's difference is measured against, [N] each."""
    norm = np.maximum(expected.jacobian_norm, 1e-12)
    resolved = np.maximum(norm, np.sqrt(np.mean(norm**2)))
    doubt = (expected.probabilities * (1 - expected.probabilities)).max(1)
    unsure = expected.reliability * (1 - expected.reliability)
    return Scores(
        label=np.ones_like(norm),
        probabilities=1 + doubt * exponents,
        jacobian_norm=resolved,
        tail_ratio=expected.tail_ratio * resolved / norm,
        boundary_distance=(np.maximum(1, logits) + expected.boundary_distance * resolved) / norm,
        typicality=1 + rank,
        reliability=1 + unsure * exponents + pull,
        sensitivity=resolved,
    )
