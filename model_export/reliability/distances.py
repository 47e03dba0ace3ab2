"""How far a layer's derivatives lie from those of the training rows, as functions that a graph can hold."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from torch import Tensor, nn

_SMALLEST_SHARE = 1e-6
"""Variances, within and between classes, are kept above or dropped below this share of the largest one."""

_CONSTANT = 1e-12
"""A largest variance below this is rounding: the derivative is the same in every row."""


class DegenerateError(ValueError):
    """A covariance without any variance."""


class Projection(nn.Module):
    """(d − μ) R of a layer's derivatives d.

    Args:
        centre: μ [n].
        directions: R [n, D].
    """

    centre: Tensor
    directions: Tensor

    def __init__(self, centre: Tensor, directions: Tensor) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("directions", directions)

    def forward(self, derivatives: Tensor) -> Tensor:
        """Return the projection [N, D] of d [N, n]."""
        return (derivatives - self.centre) @ self.directions


class HalvesDistance(nn.Module):
    """Two Mahalanobis distances from the training rows, each over the root of its dimension.

    One is taken in the half of the principal directions in which the training rows vary most, the other in the half in
    which they vary least. Squared and weighed by dimension they add up to the whole Mahalanobis distance, where a
    departure in the one is drowned by the usual variation in the other. The covariance is shrunk as Ledoit and Wolf
    have it ("A well-conditioned estimator for large-dimensional covariance matrices", 2004), so that it has an
    inverse with fewer rows than neurons and where a derivative is constant.

    Args:
        projection: on the whitened principal directions, R Rᵀ = Σ⁻¹.
        halves: [n, 2], 1 / (number of directions in the half) where a direction is in a half, else 0.
    """

    halves: Tensor

    def __init__(self, projection: Projection, halves: Tensor) -> None:
        super().__init__()
        self.projection = projection
        self.register_buffer("halves", halves)

    @classmethod
    def fit(cls, derivatives: NDArray[np.floating]) -> Self:
        """Return the distances fitted to the training rows' derivatives [N, n].

        Raises:
            DegenerateError: if the derivative is the same in every row.
        """
        estimate = LedoitWolf().fit(derivatives.astype(np.float64))
        whitening = _whitening(estimate.covariance_)
        most = np.arange(len(whitening)) >= len(whitening) // 2
        halves = np.stack([most, ~most], axis=1) / np.maximum([most.sum(), (~most).sum()], 1)
        projection = Projection(torch.from_numpy(estimate.location_), torch.from_numpy(whitening))
        return cls(projection, torch.from_numpy(halves))

    def forward(self, derivatives: Tensor) -> Tensor:
        """Return the distances [N, 2] of d [N, n]; about 1 on rows like the training rows where nothing is shrunk."""
        whitened = self.projection(derivatives)
        return torch.sqrt((whitened * whitened) @ self.halves)


class RelativeDistance(nn.Module):
    """The squared Mahalanobis distance from the nearest class, less that from all rows.

    Ren et al., "A simple fix to Mahalanobis distance for improving near-OOD detection" (2021). With a covariance Σ_w
    shared by the classes and Σ = Σ_w + B over all rows, Σ_w⁻¹ − Σ⁻¹ has the rank of B, the covariance of the class
    means: at most K − 1. In Fisher's discriminant directions A, where Aᵀ Σ_w A = I and Aᵀ B A = diag(λ), with
    u = Aᵀ(d − μ), it is min_k ‖u − m_k‖² − Σ_j u_j² / (1 + λ_j) = Σ_j u_j² λ_j / (1 + λ_j) − max_k (2 u·m_k − ‖m_k‖²),
    so that the matrices are K − 1 wide.

    Args:
        projection: on the discriminant directions A, D of them.
        weights: λ / (1 + λ) as a column, [D, 1].
        means: 2 m_k as columns, [D, K].
        offsets: ‖m_k‖² [K].
    """

    weights: Tensor
    means: Tensor
    offsets: Tensor

    def __init__(self, projection: Projection, weights: Tensor, means: Tensor, offsets: Tensor) -> None:
        super().__init__()
        self.projection = projection
        self.register_buffer("weights", weights)
        self.register_buffer("means", means)
        self.register_buffer("offsets", offsets)

    @classmethod
    def fit(cls, derivatives: NDArray[np.floating], labels: NDArray[np.int64]) -> Self:
        """Return the distance fitted to the training rows' derivatives [N, n] and labels [N].

        Classes without a row are left out. Where nothing tells classes apart, one direction of weight 0 is left, and
        the distance is 0.
        """
        rows = derivatives.astype(np.float64)
        centre = rows.mean(0)
        _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        means = np.stack([rows[codes == code].mean(0) for code in range(len(counts))])
        within = LedoitWolf(assume_centered=True).fit(rows - means[codes]).covariance_
        try:
            whitening = _whitening(within)
        except DegenerateError:
            whitening = np.zeros_like(within)
        shares = np.sqrt(counts / len(rows))[:, None]
        _, singular, directions = np.linalg.svd(shares * ((means - centre) @ whitening), full_matrices=False)
        between = singular**2
        kept = between > max(_SMALLEST_SHARE * between[0], _CONSTANT)
        kept[0] = True
        discriminants = whitening @ directions[kept].T * (between[0] > _CONSTANT)
        apart = (means - centre) @ discriminants
        return cls(
            Projection(torch.from_numpy(centre), torch.from_numpy(discriminants)),
            torch.from_numpy(between[kept] / (1 + between[kept])).unsqueeze(1),
            torch.from_numpy(2 * apart.T),
            torch.from_numpy((apart**2).sum(1)),
        )

    def forward(self, derivatives: Tensor) -> Tensor:
        """Return the difference [N, 1] for d [N, n]."""
        u = self.projection(derivatives)
        nearest = (u @ self.means - self.offsets).amax(1, keepdim=True)
        difference: Tensor = (u * u) @ self.weights - nearest
        return difference


def _whitening(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return R [n, n] with R Rᵀ = Σ⁻¹, the directions of least variance first."""
    variances, directions = np.linalg.eigh(covariance)
    if variances[-1] <= _CONSTANT:
        raise DegenerateError
    scaled: NDArray[np.float64] = directions / np.sqrt(np.maximum(variances, _SMALLEST_SHARE * variances[-1]))
    return scaled
