"""What the outputs of a regression's graph say of each other."""

from collections.abc import Iterator

import numpy as np

from model_export.graph.finding import Finding, require
from model_export.graph.trust_check import check_trust, check_typicality
from service.inference.model import Scores
from service.manifest import Manifest

_SPACING = 4 * float(np.finfo(np.float32).eps)


def check_regression_consistency(manifest: Manifest, scores: Scores) -> Iterator[Finding]:
    """Check what `scores`, a regression's outputs for any rows, say of each other; see `check_consistency`.

    Raises:
        VerificationError: naming the output that contradicts the others.
    """
    regression, reference = manifest.predicted, manifest.reference
    value, lower, upper, norm = (
        scores[name].astype(np.float64) for name in ("value", "lower", "upper", "jacobian_norm")
    )
    rounding = _SPACING * np.maximum(np.maximum(np.abs(lower), np.abs(upper)), np.abs(value))
    half = (upper - lower) / 2
    require((np.abs((upper + lower) / 2 - value) <= rounding).all(), "value is not in the middle of its interval")
    least, greatest = (
        regression.quantile * regression.least_difficulty,
        regression.quantile * regression.greatest_difficulty,
    )
    require(
        ((half >= 0.999 * least - rounding) & (half <= 1.001 * greatest + rounding)).all(),
        "intervals are narrower or wider than quantile and difficulty allow",
    )
    gradient = np.linalg.norm(scores["sensitivity"].reshape(len(norm), -1), axis=1)
    require(np.allclose(norm, gradient, rtol=1e-4), "jacobian_norm is not that of sensitivity")
    require(
        np.allclose(scores["tail_ratio"], norm / reference.jacobian_norm, rtol=1e-4),
        "tail_ratio is not jacobian_norm over its mean",
    )
    check_typicality(reference, scores)
    difficulty = np.maximum(half, np.finfo(np.float32).tiny) / regression.quantile
    # Where an interval is narrow beside its ends, float32 has not kept enough of it to say how difficult the row is.
    told = rounding < 1e-5 * half
    some = {name: values[told] for name, values in scores.items()}
    unchecked = list(check_trust(reference, some, np.log(regression.tolerance / difficulty[told])))
    yield Finding("values, intervals, norms, typicality and reliability agree with each other and the manifest")
    yield from unchecked
