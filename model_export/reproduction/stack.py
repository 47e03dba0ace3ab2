"""Training many small networks of one shape side by side.

A network of a few thousand weights leaves a core idle most of the time: what a step costs is calling, not computing.
With their weights stacked, hundreds of networks take a step by one call of each operation. Each of them learns exactly
what it would alone: losses are added up, so that no gradient sees another network, and each has its own rows, seed,
rates, clipping and end.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn.functional import cross_entropy

from model_export.chainzrule import Network, level_log_likelihoods
from model_export.reproduction.adamw import StackedAdamW
from model_export.reproduction.recipe import Recipe


class Part(NamedTuple):
    """Rows standardised [n, n_0], float32, and their classes [n], int64."""

    rows: Tensor
    labels: Tensor


class Job(NamedTuple):
    """One network to be trained."""

    recipe: Recipe
    seed: int
    training: Part
    validation: Part | None = None
    """Rows to stop by; without them it is trained for all of the recipe's epochs"""


class Trained(NamedTuple):
    """What became of a job."""

    network: Network
    epochs: int
    """Passes that made it; the passes without progress after them are not counted"""

    validation_loss: float
    """Mean negative log-likelihood; infinite without validation rows, or where training diverged"""

    gradient_norms: Tensor
    """‖∇ loss‖ by all parameters, before clipping, at each step, [steps]"""


class _Objective(nn.Module):
    """The loss of a batch as one function of a network's parameters."""

    def __init__(self, network: Network, ordinal: bool) -> None:
        super().__init__()
        self.network = network
        self.ordinal = ordinal

    def forward(self, rows: Tensor, labels: Tensor, weights: Tensor, dreg: Tensor | None) -> Tensor:
        """Return the mean over rows [n, n_0], weighted [n], of task loss + λ · Σ_l ‖J_l‖²_F."""
        trace = self.network.trace(rows)
        loss = losses(trace.logits, labels, ordinal=self.ordinal)
        if dreg is not None:
            norms = self.network.squared_norms(trace.records)
            loss = loss + dreg * torch.stack([norm.expand(len(rows)) for norm in norms]).sum(0)
        return (loss * weights).sum() / weights.sum().clamp(min=1.0)


def losses(logits: Tensor, labels: Tensor, *, ordinal: bool) -> Tensor:
    """Return the negative log-likelihood [n] of classes [n], from logits [n, K] or f − θ [n, K − 1]."""
    if ordinal:
        return -torch.gather(level_log_likelihoods(logits), 1, labels.unsqueeze(1)).squeeze(1)
    return cross_entropy(logits, labels, reduction="none")


def train_stack(jobs: Sequence[Job], classes: int) -> list[Trained]:
    """Train a network for each job; the same seed on the same machine gives the same networks.

    Args:
        jobs: their recipes are of one `shape`; rates, decay, λ, curvature, epochs, seeds and rows may differ.
        classes: K.

    Raises:
        ValueError: if there are no jobs, or the shapes differ.
    """
    if len({job.recipe.shape for job in jobs}) != 1:
        raise ValueError("networks can be trained side by side if there are any, and their recipes are of one shape")
    return _Stack(jobs, classes).train()


class _Stack:
    def __init__(self, jobs: Sequence[Job], classes: int) -> None:
        self.jobs = jobs
        recipe = jobs[0].recipe
        self.networks = [drawn(job, classes) for job in jobs]
        self.objective = _Objective(deepcopy(self.networks[0]), recipe.ordinal).to("meta")
        parameters, _ = stack_module_state([_Objective(network, recipe.ordinal) for network in self.networks])
        self.optimiser = StackedAdamW(
            {name: p.detach() for name, p in parameters.items()},
            torch.tensor([job.recipe.learning_rate for job in jobs]),
            torch.tensor([job.recipe.weight_decay for job in jobs]),
        )
        self.batch_size = recipe.batch_size
        self.pool, self.starts = _pool([job.training for job in jobs])
        self.generators = [torch.Generator().manual_seed(job.seed) for job in jobs]
        self.best = [(float("inf"), 0)] * len(jobs)
        self.norms: list[list[Tensor]] = [[] for _ in jobs]
        self.alive = list(range(len(jobs)))

    def train(self) -> list[Trained]:
        """Run epochs until every network has come to its end."""
        epoch = 0
        while self.alive:
            self._epoch(epoch)
            epoch += 1
            self._retire(epoch)
        return [
            Trained(network.eval().requires_grad_(False), epochs, loss, torch.cat(norms))
            for network, (loss, epochs), norms in zip(self.networks, self.best, self.norms, strict=True)
        ]

    def _epoch(self, epoch: int) -> None:
        jobs = [self.jobs[number] for number in self.alive]
        dreg = torch.tensor([job.recipe.dreg(min(epoch / max(job.recipe.max_epochs - 1, 1), 1.0)) for job in jobs])
        rows, weights = self._order()
        norms = []
        batches = (torch.split(tensor, self.batch_size, 1) for tensor in (rows, weights))
        for batch, weight in zip(*batches, strict=True):
            active = weight.any(1)
            gradients = self._gradients(batch, weight, dreg if dreg.any() else None)
            norms.append(self.optimiser.step(gradients, active).where(active, torch.nan))
        for number, taken in zip(self.alive, torch.stack(norms, 1), strict=True):
            self.norms[number].append(taken[~taken.isnan()])

    def _order(self) -> tuple[Tensor, Tensor]:
        """Return which rows of the pool each network takes, [S, longest], and 1 for a row, 0 for filling up."""
        orders = []
        for number in self.alive:
            count = len(self.jobs[number].training.labels)
            orders.append(self.starts[number] + torch.randperm(count, generator=self.generators[number]))
        rows = nn.utils.rnn.pad_sequence(orders, batch_first=True, padding_value=-1)
        return rows.clamp(min=0), (rows >= 0).float()

    def _gradients(self, batch: Tensor, weights: Tensor, dreg: Tensor | None) -> dict[str, Tensor]:
        parameters = {name: p.requires_grad_() for name, p in self.optimiser.parameters.items()}
        values = torch.vmap(
            lambda own, *batch: functional_call(self.objective, own, batch),
            in_dims=(0, 0, 0, 0, None if dreg is None else 0),
        )(parameters, self.pool.rows[batch], self.pool.labels[batch], weights, dreg)
        found = torch.autograd.grad(values.sum(), list(parameters.values()))
        for parameter in parameters.values():
            parameter.requires_grad_(False)
        return dict(zip(parameters, found, strict=True))

    @torch.no_grad()
    def _retire(self, epoch: int) -> None:
        """Keep what became better, and let go of the networks that have come to their end."""
        staying = []
        for place, number in enumerate(self.alive):
            recipe, validation = self.jobs[number].recipe, self.jobs[number].validation
            own = {name: p[place] for name, p in self.optimiser.parameters.items()}
            loss = float("inf") if validation is None else self._loss(own, validation)
            if validation is None or loss < self.best[number][0]:
                self.best[number] = (loss, epoch)
                for name, parameter in self.networks[number].named_parameters():
                    parameter.copy_(own[f"network.{name}"])
            if epoch < recipe.max_epochs and epoch - self.best[number][1] < recipe.patience:
                staying.append(place)
        if len(staying) < len(self.alive):
            self.optimiser.keep(torch.tensor(staying, dtype=torch.int64))
            self.alive = [self.alive[place] for place in staying]

    def _loss(self, parameters: dict[str, Tensor], part: Part) -> float:
        found: Tensor = functional_call(self.objective, parameters, (*part, torch.ones(len(part.labels)), None))
        return found.item()


def drawn(job: Job, classes: int) -> Network:
    """Return the network that a job starts from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        return job.recipe.build(job.training.rows.shape[1], classes)


def _pool(parts: Sequence[Part]) -> tuple[Part, list[int]]:
    """Return all distinct parts one after the other, and where each one starts, so that one look-up serves all."""
    starts: dict[int, int] = {}
    distinct = []
    length = 0
    for part in parts:
        if id(part.rows) not in starts:
            starts[id(part.rows)] = length
            distinct.append(part)
            length += len(part.labels)
    pool = Part(torch.cat([part.rows for part in distinct]), torch.cat([part.labels for part in distinct]))
    return pool, [starts[id(part.rows)] for part in parts]
