"""How unsteady a training was."""

import torch
from torch import Tensor

WINDOW = 50
"""Steps."""


def peak_volatility(norms: Tensor, window: int = WINDOW) -> float:
    """Return the largest coefficient of variation of a gradient's norm over any `window` steps in a row.

    That is the largest rolling standard deviation over its rolling mean. The paper does not say how it reckons its
    "peak gradient volatility"; this is our reading, which does not depend on the scale of a loss.

    Args:
        norms: at each step of training, [steps].
        window: steps, at least 2.

    Raises:
        ValueError: if there are fewer steps than `window`, or it is below 2.
    """
    if window < 2 or len(norms) < window:
        raise ValueError(f"the volatility over {window} steps needs at least so many, and two: there are {len(norms)}")
    rolling = norms.double().unfold(0, window, 1)
    variation = rolling.std(1) / rolling.mean(1)
    return float(torch.nan_to_num(variation).max())  # where all norms are 0, nothing varies
