"""Proof that the exported graph does what its network does, derivatives included."""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.chainzrule import ChainzRuleLayer, ChainzRuleNetwork, Trace
from model_export.errors import VerificationError
from model_export.graph.scorer import Scorer, Scores
from model_export.reliability.confidence import log_odds

TOLERANCE = 1e-5
"""Largest relative difference between the network in float64 and its graph in float32."""

_ROUNDING = 1e-6
"""What float32 makes of its spacing of 1.2e-7 over the sums and products of a few layers, relative."""

_DRAWS = 8
"""Of the signs that the derivatives' rounding may have: with two, one row in 300 seemed not to move at all."""

_SPACING = float(np.finfo(np.float32).eps)

_LOOSEST = 0.1
"""Largest difference allowed of a reliability or typicality, however steep it is: a wrong one is further off."""

_ROWS = 512


def check_parity(
    scorer: Scorer, graph: bytes, usual: NDArray[np.float32], *, seed: int = 0, tolerance: float = TOLERANCE
) -> None:
    """Compare every output of `graph` with `scorer` in float64, on `verification_rows`.

    A difference is relative to what float32 can resolve there:

    - label: only where the margin is above `tolerance` of the logits' terms; other rows are not compared at all.
    - probabilities: 1, and the logits' terms over the temperature, as steeply as softmax passes them on.
    - jacobian_norm, sensitivity: the gradient's norm, or its root mean square over such rows if that is larger.
    - tail_ratio: the same over its mean norm.
    - boundary_distance: the logits' terms (at least 1) over the norm, and the distance itself by the norm's scale.
    - typicality, reliability: 1, and the change that float32's rounding of derivatives, logits and the largest
      probability makes, tried out; together never more than 0.1.

    The logits' terms are Σ |w| |h| + |b|, the largest over the classes: far outside training hidden values of cubics
    cancel in the sum, and its rounding is that of the terms (Higham, "Accuracy and Stability of Numerical Algorithms",
    2002, section 3.1), not of what is left.

    Args:
        scorer: what the graph must equal.
        graph: ONNX.
        usual: rows [N, n_0] like those the model will meet, calibration rows for one; NaN where a value is missing.
        seed: of the other rows.
        tolerance: see above.

    Raises:
        VerificationError: naming the output, the kind of row and the difference, or an output that is not finite.
    """
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    tensor = session.get_inputs()[0].name
    for kind, rows in verification_rows(scorer, usual, seed):
        with torch.no_grad():
            exact = torch.from_numpy(rows).double()
            expected = Scores(*(output.numpy() for output in scorer(exact)))
            resolution = _resolution(scorer, exact)
        found = Scores(*session.run(list(Scores._fields), {tensor: rows}))
        scales = _scales(expected, resolution, tolerance)
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


def verification_rows(
    scorer: Scorer, usual: NDArray[np.float32], seed: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield kinds of raw rows, up to 512 each: `usual` ones, random ones, with gaps, and far outside.

    Where features hang together, rows of independent features are all unlike the training rows: typicality is at its
    floor and no row is trusted. `usual` rows are what the two are compared on; a copy has more gaps in the features
    that have some.
    """
    generator = np.random.default_rng(seed)
    known = generator.permutation(usual)[:_ROWS].astype(np.float32)
    yield "usual rows", known
    gaps = np.isnan(usual).any(0) & (generator.random(known.shape) < 0.3)
    if gaps.any():
        yield "usual rows with missing values", np.where(gaps, np.float32(np.nan), known)
    mean, deviation = scorer.standardiser.mean.numpy(), scorer.standardiser.deviation.numpy()
    standard = generator.normal(size=(_ROWS, len(mean)))
    missing = np.where(generator.random(standard.shape) < 0.3, np.nan, standard)
    for kind, rows in {
        "random rows": standard,
        "rows with missing values": missing,
        "rows of missing values alone": np.full_like(standard[:1], np.nan),
        "rows far outside the training range": 8 * standard,
        "rows at the clamp": 1e6 * standard,
    }.items():
        yield kind, (mean + deviation * rows).astype(np.float32)


class _Resolution(NamedTuple):
    """What float32 can resolve, [N] each."""

    logits: NDArray[np.float64]
    """The largest Σ |w| |h| + |b| of a logit"""

    exponents: NDArray[np.float64]
    """The same over the temperature"""

    typicality: NDArray[np.float64]
    """Its change by float32's rounding"""

    reliability: NDArray[np.float64]


def _resolution(scorer: Scorer, rows: Tensor) -> _Resolution:
    standard = scorer.standardiser(rows)
    trace = scorer.network.trace(standard)
    logits = _terms(scorer.network, standard)
    exponents = logits / scorer.temperature
    generator = torch.Generator().manual_seed(0)

    def answers(amount: float) -> tuple[Tensor, Tensor]:
        signs = (torch.randint(2, d.shape, generator=generator) * 2 - 1 for d in trace.derivatives)
        moved = [d + amount * (1 + d.abs()) * sign for d, sign in zip(trace.derivatives, signs, strict=True)]
        distance = scorer.signature(moved)
        odds = _odds(trace, scorer.temperature, amount * exponents, _SPACING * float(np.sign(amount)))
        return scorer.scale(distance), scorer.confidence(odds, scorer.tail(distance))

    exact, *moved = (answers(amount) for amount in (0.0, *(_ROUNDING, -_ROUNDING) * _DRAWS))
    rank, trust = (torch.stack([(other[part] - exact[part]).abs() for other in moved]).amax(0) for part in range(2))
    return _Resolution(logits.numpy(), exponents.numpy(), rank.numpy(), trust.numpy())


def _terms(network: ChainzRuleNetwork, standard: Tensor) -> Tensor:
    """Return the largest Σ |w| |h| + |b| [N] over the logits."""
    hidden = standard
    for module in network.hidden:
        hidden, _ = cast("ChainzRuleLayer", module)(hidden)
    terms: Tensor = hidden.abs() @ network.head.weight.abs().T + network.head.bias.abs()
    return terms.amax(1)


def _odds(trace: Trace, temperature: Tensor, apart: Tensor, larger: float) -> Tensor:
    """Return the log-odds [N] of the largest probability, its logit `apart` [N] higher and it `larger` after that."""
    scaled = trace.logits / temperature
    largest, label = scaled.max(1, keepdim=True)
    others = torch.logsumexp(scaled.scatter(1, label, -torch.inf), 1)
    return log_odds(torch.sigmoid(largest[:, 0] - others + apart) + larger)


def _scales(expected: Scores[NDArray[Any]], resolution: _Resolution, tolerance: float) -> Scores[NDArray[Any]]:
    """Return what each output's difference is measured against, [N] each; `check_parity` says what they are."""
    norm = np.maximum(expected.jacobian_norm, 1e-12)
    resolved = np.maximum(norm, np.sqrt(np.mean(norm**2)))
    doubt = (expected.probabilities * (1 - expected.probabilities)).max(1)
    return Scores(
        label=np.ones_like(norm),
        probabilities=1 + doubt * resolution.exponents,
        jacobian_norm=resolved,
        tail_ratio=expected.tail_ratio * resolved / norm,
        boundary_distance=(np.maximum(1, resolution.logits) + expected.boundary_distance * resolved) / norm,
        typicality=1 + np.minimum(resolution.typicality, _LOOSEST) / tolerance,
        reliability=1 + np.minimum(resolution.reliability, _LOOSEST) / tolerance,
        sensitivity=resolved,
    )
