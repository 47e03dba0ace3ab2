"""Proof that the exported graph does what its network does, derivatives included."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.chainzrule import ConvolutionalLayer, CumulativeHead, Network, Trace
from model_export.errors import VerificationError
from model_export.graph.decision import decide
from model_export.graph.kinks import changes_at_kinks, has_kinks
from model_export.graph.scorer import Scorer, Scores, as_arrays
from model_export.reliability.confidence import log_odds
from model_export.training.expansion import TableStandardiser
from model_export.training.standardiser import InputStandardiser, Standardiser

TOLERANCE = 1e-5
"""Largest relative difference between a network of dense layers in float64 and its graph in float32."""

CONVOLUTIONAL_TOLERANCE = 1e-4
"""The same of convolutional networks: each layer's rounding is carried on by the many behind it."""

ROUNDING = 0.1
"""What float32 makes of its spacing over the sums and products of the layers, relative to the tolerance."""

_DRAWS = 8
"""Of the signs that the derivatives' rounding may have: with two, one row in 300 seemed not to move at all."""

_SPACING = float(np.finfo(np.float32).eps)

LOOSEST = 0.1
"""Largest difference allowed of a reliability or typicality, however steep it is: a wrong one is further off."""

_ROWS = 512

_IMAGES = 128


def check_parity(
    scorer: Scorer, graph: bytes, usual: NDArray[Any], *, seed: int = 0, tolerance: float | None = None
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

    Where derivatives jump, at a ReLU or a maximum, what a change of the inputs by as much as rounding makes of an
    output is allowed on top: see `changes_at_kinks`.

    The logits' terms are Σ |w| |h| + |b|, the largest over the classes: far outside training hidden values of cubics
    cancel in the sum, and its rounding is that of the terms (Higham, "Accuracy and Stability of Numerical Algorithms",
    2002, section 3.1), not of what is left.

    Args:
        scorer: what the graph must equal.
        graph: ONNX.
        usual: raw rows [N, …] like those the model will meet, calibration rows for one; NaN where a value is missing.
        seed: of the other rows.
        tolerance: see above; None for what the network's layers allow.

    Raises:
        VerificationError: naming the output, the kind of row and the difference, or an output that is not finite.
    """
    if tolerance is None:
        tolerance = layers_tolerance(scorer.network)
    kinks = has_kinks(scorer.network)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    tensor = session.get_inputs()[0].name
    for kind, rows in verification_rows(scorer, usual, seed):
        with torch.no_grad():
            exact = torch.from_numpy(rows)
            exact = exact.double() if exact.is_floating_point() else exact
            expected = as_arrays(scorer(exact))
            resolution = _resolution(scorer, exact, ROUNDING * tolerance)
            jumps = changes_at_kinks(scorer, exact, ROUNDING * tolerance).present() if kinks else {}
        names = list(expected.present())
        found = dict(zip(names, session.run(names, {tensor: rows}), strict=True))
        scales = _scales(expected, resolution, tolerance)
        decided = expected.boundary_distance > tolerance * scales.boundary_distance
        widened = {name: scale + jumps.get(name, 0) / tolerance for name, scale in scales.present().items()}
        compare(kind, expected.present(), found, widened, decided, tolerance)


def layers_tolerance(network: Network) -> float:
    """Return the largest relative difference that is allowed of a network's graph."""
    deep = any(isinstance(module, ConvolutionalLayer) for module in network.modules())
    return CONVOLUTIONAL_TOLERANCE if deep else TOLERANCE


def compare(
    kind: str,
    expected: Mapping[str, NDArray[Any]],
    found: Mapping[str, NDArray[Any]],
    scales: Mapping[str, NDArray[Any]],
    compared: NDArray[np.bool_],
    tolerance: float,
) -> None:
    """Compare outputs of a graph with what they should be.

    Args:
        kind: of the rows, in words.
        expected: outputs [N, …] by name.
        found: the same of the graph.
        scales: what each output's difference is measured against, [N] each.
        compared: the rows that are.
        tolerance: the largest difference, so measured.

    Raises:
        VerificationError: naming the output, the kind of row and the difference, or an output that is not finite.
    """
    for name, values in found.items():
        if not np.isfinite(values).all():
            raise VerificationError(
                f"{name} is not finite on {kind}: train with a larger DREG weight or fewer layers, so that the "
                "polynomials stay tame out to the clamp of the inputs"
            )
    for name, wanted in expected.items():
        difference = np.abs(wanted - found[name]).reshape(len(wanted), -1).max(1)[compared] / scales[name][compared]
        if difference.max(initial=0.0) > tolerance:
            raise VerificationError(
                f"{name} differs between torch and onnxruntime by {difference.max():.2g} on {kind}; "
                f"{tolerance:.0e} is allowed"
            )


class Standardised(Protocol):
    """A scorer, of classes or of numbers."""

    @property
    def standardiser(self) -> InputStandardiser:
        """What its raw rows go through first."""


def verification_rows(scorer: Standardised, usual: NDArray[Any], seed: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield kinds of raw rows, up to 512 each: `usual` ones, random ones, with gaps, and far outside.

    Where features hang together, rows of independent features are all unlike the training rows: typicality is at its
    floor and no row is trusted. `usual` rows are what the two are compared on; a copy has more gaps in the features
    that have some.
    """
    generator = np.random.default_rng(seed)
    if not isinstance(scorer.standardiser, Standardiser | TableStandardiser):
        yield from _verification_images(usual, generator)
        return
    known = generator.permutation(usual)[:_ROWS].astype(np.float32)
    yield "usual rows", known
    gaps = np.isnan(usual).any(0) & (generator.random(known.shape) < 0.3)
    if gaps.any():
        yield "usual rows with missing values", np.where(gaps, np.float32(np.nan), known)
    standard = generator.normal(size=(_ROWS, usual.shape[1]))
    missing = np.where(generator.random(standard.shape) < 0.3, np.nan, standard)
    for kind, rows in {
        "random rows": standard,
        "rows with missing values": missing,
        "rows of missing values alone": np.full_like(standard[:1], np.nan),
        "rows far outside the training range": 8 * standard,
        "rows at the clamp": 1e6 * standard,
    }.items():
        yield kind, scorer.standardiser.rows(rows).astype(np.float32)


def _verification_images(
    usual: NDArray[np.uint8], generator: np.random.Generator
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    chosen = generator.permutation(usual)[:_IMAGES]
    yield "usual images", chosen
    yield "images of noise", generator.integers(256, size=chosen.shape, dtype=np.uint8)
    yield "images in black and white", 255 * generator.integers(2, size=chosen.shape, dtype=np.uint8)
    yield "black and white alone", np.stack([np.zeros_like(chosen[0]), np.full_like(chosen[0], 255)])


class _Resolution(NamedTuple):
    """What float32 can resolve, [N] each."""

    logits: NDArray[np.float64]
    """The largest Σ |w| |h| + |b| of a logit"""

    exponents: NDArray[np.float64]
    """The same over the temperature"""

    typicality: NDArray[np.float64]
    """Its change by float32's rounding"""

    reliability: NDArray[np.float64]


def _resolution(scorer: Scorer, rows: Tensor, rounding: float) -> _Resolution:
    trace = scorer.network.trace(scorer.standardiser(rows))
    derivatives = scorer.network.fingerprint(trace.records)
    logits = head_terms(scorer.network, trace)
    exponents = logits / scorer.temperature
    generator = torch.Generator().manual_seed(0)

    def answers(amount: float) -> tuple[Tensor, Tensor]:
        distance = scorer.strangeness(rows, _moved(derivatives, amount, generator))
        odds = _odds(scorer, trace, amount * exponents, _SPACING * float(np.sign(amount)))
        return scorer.scale(distance), scorer.confidence(odds, scorer.tail(distance))

    exact, *moved = (answers(amount) for amount in (0.0, *(rounding, -rounding) * _DRAWS))
    rank, trust = (torch.stack([(other[part] - exact[part]).abs() for other in moved]).amax(0) for part in range(2))
    return _Resolution(logits.numpy(), exponents.numpy(), rank.numpy(), trust.numpy())


def rounded(derivatives: tuple[Tensor, Tensor], amount: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield a network's fingerprint as float32's rounding, of so much, may leave it."""
    generator = torch.Generator().manual_seed(0)
    for signed in (amount, -amount) * _DRAWS:
        yield _moved(derivatives, signed, generator)


def _moved(derivatives: tuple[Tensor, Tensor], amount: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    signs = (torch.randint(2, d.shape, generator=generator) * 2 - 1 for d in derivatives)
    first, last = (d + amount * (1 + d.abs()) * sign for d, sign in zip(derivatives, signs, strict=True))
    return first, last


def head_terms(network: Network, trace: Trace) -> Tensor:
    """Return the largest Σ |w| |h| + |b| [N] over the logits; of levels, with |θ| for |b|."""
    head = network.head
    constants = head.thresholds if isinstance(head, CumulativeHead) else head.bias
    terms: Tensor = trace.features.abs() @ head.weight.abs().T + constants.abs()
    return terms.amax(1)


def _odds(scorer: Scorer, trace: Trace, apart: Tensor, larger: float) -> Tensor:
    """Return the log-odds [N] of the label's probability, its logit `apart` [N] higher and it `larger` after that."""
    if isinstance(scorer.network.head, CumulativeHead):
        certainty = decide(scorer.network, trace.logits, scorer.temperature).certainty
        return log_odds(certainty + apart * certainty * (1 - certainty) + larger)
    scaled = trace.logits / scorer.temperature
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
        typicality=1 + np.minimum(resolution.typicality, LOOSEST) / tolerance,
        reliability=1 + np.minimum(resolution.reliability, LOOSEST) / tolerance,
        sensitivity=resolved,
        expected_level=None if expected.expected_level is None else 1 + resolution.exponents,
    )
