"""The Jacobian's signature of a row, and how far it lies from the signatures of the training rows."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from torch import Tensor, nn

from model_export.errors import DataError


class Signature(nn.Module):
    """The Mahalanobis distance of d_1, the first layer's derivatives, from the training rows, over √n_1.

    *Which* derivatives moved says where a row lies, while ‖J‖ hardly does. The covariance is shrunk as Ledoit and
    Wolf have it ("A well-conditioned estimator for large-dimensional covariance matrices", 2004), so that it has an
    inverse with fewer rows than neurons and where a derivative is constant.

    Args:
        centre: μ [n_1].
        whitening: R [n_1, n_1], with R Rᵀ = Σ⁻¹ / n_1.
    """

    centre: Tensor
    whitening: Tensor

    def __init__(self, centre: Tensor, whitening: Tensor) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("whitening", whitening)

    @classmethod
    def fit(cls, derivatives: NDArray[np.floating]) -> Self:
        """Return the signature fitted to the training rows' d_1 [N, n_1].

        Raises:
            DataError: if the derivative is the same in every row, as it is in a linear network.
        """
        estimate = LedoitWolf().fit(derivatives.astype(np.float64))
        eigenvalues, eigenvectors = np.linalg.eigh(estimate.covariance_)
        if eigenvalues[-1] <= 1e-12:
            raise DataError("the first layer's derivative is the same in every training row, so it has no signature")
        eigenvalues = np.maximum(eigenvalues, 1e-6 * eigenvalues[-1])
        whitening = eigenvectors / np.sqrt(eigenvalues * len(eigenvalues))
        return cls(torch.from_numpy(estimate.location_), torch.from_numpy(whitening))

    def forward(self, derivatives: Tensor) -> Tensor:
        """Return the distance [N] of d_1 [N, n_1]; about 1 on rows like the training rows."""
        distance: Tensor = torch.linalg.vector_norm((derivatives - self.centre) @ self.whitening, dim=1)
        return distance

    def mixed(self, mixing: Tensor, usual: Tensor) -> "Signature":
        """Return the equal signature of derivatives e of which d_1 = e Mᵀ is made.

        Args:
            mixing: M [n_1, n_e].
            usual: some usual e [n_e]; of all centres with M ē = μ the nearest to it is taken, for float32's sake.
        """
        centre = usual + torch.linalg.pinv(mixing) @ (self.centre - mixing @ usual)
        return Signature(centre, mixing.T @ self.whitening)
