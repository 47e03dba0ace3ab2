"""The confidences that users and papers already have, each with its source; higher means to be trusted more."""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from model_export.chainzrule import ChainzRuleNetwork
from model_export.reliability import Signature
from model_export.studies.subject import Subject, View

Confidence = Callable[[View], Tensor]

NEIGHBOURS = 10


def logit_confidences(subject: Subject) -> dict[str, Confidence]:
    """Return confidences that are functions of the logits alone."""
    temperature = subject.scorer.temperature

    def probabilities(view: View) -> Tensor:
        return torch.softmax(view.logits / temperature, 1)

    def entropy(view: View) -> Tensor:
        return (probabilities(view) * torch.log_softmax(view.logits / temperature, 1)).sum(1)

    def margin(view: View) -> Tensor:
        top = view.logits.topk(2, dim=1).values
        return top[:, 0] - top[:, 1]

    def gen(view: View) -> Tensor:
        # Liu, Lochman and Zach, "GEN: Pushing the limits of softmax-based out-of-distribution detection" (2023).
        top = probabilities(view).topk(min(10, view.logits.shape[1]), dim=1).values
        return -(top.clamp_min(1e-12) * (1 - top).clamp_min(1e-12)).pow(0.1).sum(1)

    return {
        "msp": lambda view: probabilities(view).amax(1),
        "entropy": entropy,
        "margin": margin,
        "max_logit": lambda view: view.logits.amax(1),
        "energy": lambda view: torch.logsumexp(view.logits, 1),
        "gen": gen,
    }


def geometry_confidences(subject: Subject) -> dict[str, Confidence]:
    """Return confidences that are distances: to class means, to neighbours, to the decision boundary."""
    training, labels = subject.training, subject.labels
    head = subject.scorer.network.head.weight

    def fdbd(view: View) -> Tensor:
        # Liu and Qin, "Fast decision boundary based out-of-distribution detector" (2024).
        label = view.logits.argmax(1)
        apart = torch.linalg.vector_norm(head[label].unsqueeze(1) - head, dim=2).clamp_min(1e-12)
        gaps = (view.logits.amax(1, keepdim=True) - view.logits) / apart
        spread = torch.linalg.vector_norm(view.features - training.features.mean(0), dim=1)
        confidence: Tensor = gaps.sum(1) / (gaps.shape[1] - 1) / spread
        return confidence

    return {
        "fdbd": fdbd,
        "mahalanobis_features": class_mahalanobis(training.features, labels, lambda view: view.features),
        "mahalanobis_preactivations": mahalanobis(training.preactivations[0], lambda view: view.preactivations[0]),
        "mahalanobis_activations": mahalanobis(training.layer_inputs[1], lambda view: view.layer_inputs[1]),
        "mahalanobis_inputs": mahalanobis(training.inputs, lambda view: view.inputs),
        "knn_features": neighbours(training.features, lambda view: view.features),
        "knn_inputs": neighbours(training.inputs, lambda view: view.inputs),
        "gran": lambda view: -parameter_gradient_norm(cast("ChainzRuleNetwork", subject.scorer.network), view),
    }


def signature_confidences(subject: Subject) -> dict[str, Confidence]:
    """Return minus the signature's own distance, taken on what a network without derivatives has too."""
    places: dict[str, Callable[[View], tuple[Tensor, ...]]] = {
        "preactivations": lambda view: view.preactivations,
        "activations": lambda view: view.layer_inputs[1:],
        "inputs": lambda view: view.layer_inputs[:1],
    }

    def of(place: Callable[[View], tuple[Tensor, ...]]) -> Confidence:
        signature = Signature.fit(place(subject.training), subject.training.logits.argmax(1).numpy())
        return lambda view: -signature(place(view))

    return {f"signature_{name}": of(place) for name, place in places.items()}


def mahalanobis(reference: Tensor, of: Confidence) -> Confidence:
    """Return minus the distance from the mean of `reference` [N, d], under its shrunk covariance."""
    estimate = LedoitWolf().fit(reference.numpy())
    precision, mean = torch.from_numpy(estimate.precision_), torch.from_numpy(estimate.location_)

    def confidence(view: View) -> Tensor:
        centred = of(view) - mean
        return -((centred @ precision) * centred).sum(1).clamp_min(0).sqrt()

    return confidence


def class_mahalanobis(reference: Tensor, labels: Tensor, of: Confidence) -> Confidence:
    """Return minus the distance from the nearest class mean, under the classes' shared covariance.

    Lee et al., "A simple unified framework for detecting out-of-distribution samples" (2018).
    """
    means = torch.stack([reference[labels == label].mean(0) for label in range(int(labels.max()) + 1)])
    centred = reference - means[labels]
    precision = torch.from_numpy(LedoitWolf(assume_centered=True).fit(centred.numpy()).precision_)

    def confidence(view: View) -> Tensor:
        apart = of(view).unsqueeze(1) - means
        return -((apart @ precision) * apart).sum(2).amin(1).clamp_min(0).sqrt()

    return confidence


def neighbours(reference: Tensor, of: Confidence) -> Confidence:
    """Return minus the distance to the tenth-nearest training row (Sun et al., 2022, without their normalisation)."""
    index = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(reference.numpy().astype(np.float32))

    def confidence(view: View) -> Tensor:
        distances, _ = index.kneighbors(of(view).numpy().astype(np.float32))
        return torch.from_numpy(-distances[:, -1].astype(np.float64))

    return confidence


def parameter_gradient_norm(network: ChainzRuleNetwork, view: View) -> Tensor:
    """Return ‖∇_W CE(f, ŷ)‖ over all weights: the loss's gradient at the predicted label, in closed form.

    After Lust and Condurache, "GraN: an efficient gradient-norm based detector" (2020), without its learned head.
    """
    label = view.logits.argmax(1, keepdim=True)
    delta = torch.softmax(view.logits, 1).scatter_add(1, label, -torch.ones_like(label, dtype=view.logits.dtype))
    total = torch.zeros(len(delta), dtype=delta.dtype)
    weights = network.weights
    for depth in range(len(weights) - 1, -1, -1):
        total += delta.square().sum(1) * view.layer_inputs[depth].square().sum(1)
        if depth:
            delta = (delta @ weights[depth]) * view.derivatives[depth - 1]
    return total.sqrt()
