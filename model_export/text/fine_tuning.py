"""Training an encoder and a ChainzRule head on it together, from end to end."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from model_export.chainzrule import ChainzRuleNetwork, dreg_penalty, in_words
from model_export.errors import DataError
from model_export.text.encoder import Encoder, TextEncoder
from model_export.text.tokens import LabelledTokens, Tokens, lengths_of
from model_export.training.progress import EpochBar
from model_export.training.schedule import DEFAULT_LAMBDA, Schedule
from model_export.training.standardiser import Standardiser
from service.inference.tokenizer import END

_LARGEST_GRADIENT = 1.0
_SORTED_TOGETHER = 50
"""Batches whose texts are sorted by length together, so that a batch has little padding and batches differ yet."""

_EVALUATION_ROWS = 64


class FineTuned(NamedTuple):
    """An encoder and the head that was trained on it, both on the CPU, in evaluation mode, without gradients."""

    encoder: TextEncoder

    standardiser: Standardiser
    """What the head takes embeddings through: fitted to those from before, so `refit` it to those of now"""

    network: ChainzRuleNetwork
    epochs: int
    """Epochs trained, those without progress at the end included"""

    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class FineTuning:
    """How encoder and head learn: AdamW, a linear warm-up and decay of its rates, DREG on the head, early stopping.

    Embeddings are standardised as they were before, throughout; DREG's λ is by those units. Only matrices decay.

    Args:
        hidden_widths: of the head.
        curvature: see `Polynomial`.
        dreg: λ over training, on the head.
        encoder_rate: largest learning rate of the encoder, which knows much already.
        head_rate: that of the head, which knows nothing yet.
        weight_decay: of AdamW.
        batch_size: texts a step.
        max_epochs: the most passes over the training texts; the rates fall to 0 at their end.
        patience: epochs without a better validation loss before training stops; the best are kept.
        warm_up: share of the steps over which the rates rise.

    Raises:
        ValueError: if it cannot train by these settings.
    """

    hidden_widths: tuple[int, ...] = (256, 128)
    curvature: float = 0.5
    dreg: Schedule = Schedule(DEFAULT_LAMBDA)  # noqa: RUF009 - it never changes
    encoder_rate: float = 5e-5
    head_rate: float = 1e-3
    weight_decay: float = 1e-2
    batch_size: int = 32
    max_epochs: int = 4
    patience: int = 1
    warm_up: float = 0.1

    def __post_init__(self) -> None:
        if self.max_epochs < 1 or self.batch_size < 1 or not 0 <= self.warm_up < 1:
            raise ValueError(
                "give at least 1 epoch, batches of at least 1 text, and a share of warm-up below 1: got "
                f"{self.max_epochs}, {self.batch_size} and {self.warm_up}"
            )

    @property
    def activation(self) -> str:
        """The head's activation in words."""
        return in_words("polynomial", 3)

    def fit(
        self,
        encoder: TextEncoder,
        training: LabelledTokens,
        validation: LabelledTokens,
        classes: int,
        *,
        seed: int,
        progress: bool = False,
    ) -> FineTuned:
        """Return a copy of `encoder` and a head, trained on `training`; a GPU is used where there is one.

        The same seed on the same machine gives the same networks.

        Args:
            encoder: stays as it is.
            training: texts to learn from.
            validation: texts to stop by.
            classes: K; every label is below it.
            seed: of the head's start, the order of the texts and the encoder's dropout.
            progress: draw a progress bar.

        Raises:
            DataError: if training diverges.
        """
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        module = deepcopy(encoder.module).to(device)
        standardiser = _fixed(embed_by_torch(module, training.tokens, encoder.padding)).to(device)
        with (
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            EpochBar(self.max_epochs, shown=progress) as bar,
        ):
            torch.manual_seed(seed)
            head = ChainzRuleNetwork((encoder.dimensions, *self.hidden_widths, classes), curvature=self.curvature)
            run = _Run(self, module, standardiser, head.to(device), encoder.padding)
            epochs, best = run.train(training, validation, seed, bar)
        module.load_state_dict(best.encoder)
        head.load_state_dict(best.head)
        for part in (module, standardiser, head):
            part.cpu().eval().requires_grad_(False)
        tuned = encoder._replace(name=f"{encoder.name} fine-tuned", module=module)
        return FineTuned(tuned, standardiser.double(), head, epochs, best.loss, best.accuracy)


class _Epoch(NamedTuple):
    """Encoder and head as an epoch left them, with their validation figures."""

    encoder: dict[str, Tensor]
    head: dict[str, Tensor]
    loss: float
    accuracy: float


class _Run:
    """One training."""

    def __init__(
        self, settings: FineTuning, encoder: Encoder, standardiser: Standardiser, head: ChainzRuleNetwork, padding: int
    ) -> None:
        self.settings = settings
        self.encoder = encoder
        self.standardiser = standardiser
        self.head = head
        self.padding = padding
        self.device = standardiser.mean.device

    def train(
        self, training: LabelledTokens, validation: LabelledTokens, seed: int, bar: EpochBar
    ) -> tuple[int, _Epoch]:
        """Return how many epochs were trained, and the best."""
        settings = self.settings
        steps = -(-len(training.labels) // settings.batch_size)
        total = steps * settings.max_epochs
        optimiser = AdamW(self._groups())
        rates = LambdaLR(optimiser, lambda step: _rate(step, total, settings.warm_up))
        generator = np.random.default_rng(seed)
        best: _Epoch | None = None
        for epoch in range(settings.max_epochs):
            self.encoder.train()
            for number, rows in enumerate(_batches(lengths_of(training.tokens), settings.batch_size, generator)):
                weight = settings.dreg((epoch * steps + number) / total)
                loss = self._step(training.tokens[rows], training.labels[rows], optimiser, weight)
                if not isfinite(loss):
                    raise DataError(
                        f"training diverged in epoch {epoch + 1}: lower the learning rates, or raise DREG's weight"
                    )
                rates.step()
                bar.advance(1 / steps)
            validated = self._evaluate(validation)
            bar.show(validated.loss)
            if best is None or validated.loss < best.loss:
                best, best_epoch = validated, epoch
            elif epoch - best_epoch >= settings.patience:
                break
        if best is None or not isfinite(best.loss):
            raise DataError("training diverged: lower the learning rates, or raise DREG's weight")
        return epoch + 1, best

    def _step(self, tokens: Tokens, labels: NDArray[np.int64], optimiser: AdamW, weight: float) -> float:
        """Take one step; return its loss."""
        trace = self.head.trace(self.standardiser(self.encoder(*padded(tokens, self.padding, self.device))))
        loss = cross_entropy(trace.logits, torch.from_numpy(labels).to(self.device))
        if weight:
            loss = loss + weight * dreg_penalty(self.head, trace.records)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for part in (self.encoder, self.head):
            nn.utils.clip_grad_norm_(part.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        return loss.item()

    @torch.no_grad()
    def _evaluate(self, validation: LabelledTokens) -> _Epoch:
        embeddings = embed_by_torch(self.encoder, validation.tokens, self.padding)
        logits = self.head(self.standardiser(torch.from_numpy(embeddings).to(self.device))).cpu()
        labels = torch.from_numpy(validation.labels)
        accuracy = (logits.argmax(1) == labels).double().mean().item()
        encoder, head = ({n: t.clone() for n, t in part.state_dict().items()} for part in (self.encoder, self.head))
        return _Epoch(encoder, head, cross_entropy(logits, labels).item(), accuracy)

    def _groups(self) -> list[dict[str, object]]:
        """Return the parameters by learning rate and by whether they decay."""
        groups: list[dict[str, object]] = []
        for part, rate in ((self.encoder, self.settings.encoder_rate), (self.head, self.settings.head_rate)):
            # Coefficients of polynomials are no matrix, though there are several of each neuron.
            matrices = {n for n, p in part.named_parameters() if p.dim() >= 2 and n.endswith("weight")}
            for decay, decays in ((self.settings.weight_decay, True), (0.0, False)):
                chosen = [parameter for name, parameter in part.named_parameters() if (name in matrices) == decays]
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
        return groups


@torch.no_grad()
def embed_by_torch(module: Encoder, tokens: Tokens, padding: int) -> NDArray[np.float32]:
    """Return the embeddings [N, D] of texts as tokens; the module stays where it is, in evaluation mode."""
    module.eval()
    device = next(module.parameters()).device
    by_length = np.argsort(lengths_of(tokens), kind="stable")
    starts = range(0, len(tokens), _EVALUATION_ROWS)
    parts = [tokens[by_length[start : start + _EVALUATION_ROWS]] for start in starts]
    found = np.concatenate([module(*padded(part, padding, device)).cpu().numpy() for part in parts])
    embeddings: NDArray[np.float32] = found[np.argsort(by_length)]
    return embeddings


def padded(tokens: Tokens, padding: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return texts as token numbers and mask, [n, T] each, T the longest's length."""
    chosen = torch.from_numpy(tokens[:, : lengths_of(tokens).max()].astype(np.int64)).to(device)
    mask = chosen != END
    return chosen.where(mask, padding), mask.long()


def _batches(lengths: NDArray[np.int64], size: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield every row once, in batches of similar lengths, drawn anew with each call."""
    order = generator.permutation(len(lengths))
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), size * _SORTED_TOGETHER):
        rows = order[start : start + size * _SORTED_TOGETHER]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[first : first + size] for first in range(0, len(rows), size)]
    for number in generator.permutation(len(batches)):
        yield batches[number]


def _rate(step: int, steps: int, warm_up: float) -> float:
    """Return the share of the largest learning rate at a step."""
    rising = warm_up * steps
    return (step + 1) / (rising + 1) if step < rising else (steps - step) / (steps - rising)


def _fixed(embeddings: NDArray[np.float32]) -> Standardiser:
    """Return a standardiser, float32, that holds nothing back: in training embeddings move."""
    fitted = Standardiser.fit(embeddings.astype(np.float64))
    return Standardiser(fitted.mean, fitted.deviation, clamp=float("inf")).float()
