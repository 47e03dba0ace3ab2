from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from model_export.chainzrule import dreg_penalty
from model_export.reproduction.adamw import StackedAdamW
from model_export.reproduction.recipe import Recipe
from model_export.reproduction.stack import Job, Part, Trained, losses, train_stack
from model_export.training import ChainzRuleClassifier
from model_export.training.schedule import Schedule

RECIPE = Recipe((6,), batch_size=16, max_epochs=4, learning_rate=1e-2, dreg=Schedule(0.01))


def made_up(rows: int, seed: int = 0) -> Part:
    x = torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed))
    return Part(x, (x[:, 0] * x[:, 1] > 0).long())


def alone(job: Job) -> nn.Module:
    """Train as anyone would: one network, torch's own optimiser."""
    torch.manual_seed(job.seed)
    network = job.recipe.build(3, 2)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=job.recipe.learning_rate, weight_decay=job.recipe.weight_decay
    )
    generator = torch.Generator().manual_seed(job.seed)
    for epoch in range(job.recipe.max_epochs):
        order = torch.randperm(len(job.training.labels), generator=generator)
        for batch in torch.split(order, job.recipe.batch_size):
            trace = network.trace(job.training.rows[batch])
            loss = losses(trace.logits, job.training.labels[batch], ordinal=job.recipe.ordinal).mean()
            weight = job.recipe.dreg(epoch / (job.recipe.max_epochs - 1))
            loss = loss + weight * dreg_penalty(network, trace.records)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
    return network


def weights(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("ordinal", [False, True])
def test_networks_side_by_side_learn_what_each_learns_alone(ordinal: bool) -> None:
    recipe = replace(RECIPE, ordinal=ordinal)
    jobs = [
        Job(recipe, 0, made_up(50)),
        Job(replace(recipe, learning_rate=3e-3, dreg=Schedule(0.1, 0.0, "linear")), 1, made_up(50)),
        # Fewer rows, so that it sits the last steps of an epoch out, and fewer epochs.
        Job(replace(recipe, dreg=Schedule(0.0), weight_decay=0.5, max_epochs=3), 2, made_up(20, seed=1)),
    ]
    for job, trained in zip(jobs, train_stack(jobs, 2), strict=True):
        torch.testing.assert_close(weights(trained.network), weights(alone(job)), rtol=1e-4, atol=1e-5)
        assert trained.epochs == job.recipe.max_epochs
        assert len(trained.gradient_norms) == job.recipe.max_epochs * -(-len(job.training.labels) // 16)


def test_the_network_of_the_best_epoch_is_kept_and_training_ends_with_patience() -> None:
    recipe = replace(RECIPE, learning_rate=0.05, max_epochs=200, patience=3, dreg=Schedule(0.0))
    validation = made_up(40, seed=7)
    job = Job(recipe, 0, made_up(30), validation)
    (stopped,) = train_stack([job], 2)
    steps_an_epoch = 2
    assert len(stopped.gradient_norms) == (stopped.epochs + recipe.patience) * steps_an_epoch
    assert stopped.epochs < 197
    loss = cross_entropy(stopped.network(validation.rows), validation.labels).item()
    assert stopped.validation_loss == pytest.approx(loss, rel=1e-5)
    (again,) = train_stack([Job(replace(recipe, max_epochs=stopped.epochs), 0, job.training)], 2)
    torch.testing.assert_close(weights(again.network), weights(stopped.network), rtol=1e-4, atol=1e-5)


def test_networks_that_end_early_leave_the_others_as_they_would_be() -> None:
    patient = Job(replace(RECIPE, max_epochs=30, patience=30), 0, made_up(50), made_up(40, seed=7))
    hasty = [Job(replace(RECIPE, max_epochs=epochs), epochs, made_up(50)) for epochs in (1, 5, 9)]
    (expected,) = train_stack([patient], 2)
    beside: Trained = train_stack([*hasty, patient], 2)[-1]
    torch.testing.assert_close(weights(beside.network), weights(expected.network), rtol=1e-4, atol=1e-5)
    assert beside.epochs == expected.epochs


def test_it_learns_as_well_as_the_estimator() -> None:
    training, validation, test = made_up(400), made_up(100, seed=1), made_up(1000, seed=2)
    recipe = Recipe((16,), learning_rate=5e-3, max_epochs=30, dreg=Schedule(0.003))
    stack = train_stack([Job(recipe, seed, training, validation) for seed in range(4)], 2)
    ours = np.mean([(t.network(test.rows).argmax(1) == test.labels).float().mean().item() for t in stack])
    estimator = ChainzRuleClassifier((16,), learning_rate=5e-3, max_epochs=30, dreg=0.003, random_state=0)
    estimator.fit(training.rows.double().numpy(), training.labels.numpy())
    theirs = (estimator.predict(test.rows.double().numpy()) == test.labels.numpy()).mean()
    assert ours > 0.93
    assert ours == pytest.approx(theirs, abs=0.03)


def test_a_network_that_diverges_says_so_and_leaves_the_others_alone() -> None:
    job = Job(RECIPE, 0, made_up(50), made_up(40, seed=7))
    wild = job._replace(recipe=replace(RECIPE, learning_rate=1e30))
    beside, diverged = train_stack([job, wild], 2)
    assert diverged.validation_loss == float("inf")
    (expected,) = train_stack([job], 2)
    torch.testing.assert_close(weights(beside.network), weights(expected.network), rtol=1e-4, atol=1e-5)


def test_shapes_that_differ_are_refused() -> None:
    jobs = [Job(replace(RECIPE, hidden_widths=widths), 0, made_up(50)) for widths in ((6,), (7,))]
    with pytest.raises(ValueError, match="of one shape"):
        train_stack(jobs, 2)


def test_weights_of_a_spectral_network_have_norm_one() -> None:
    (trained,) = train_stack([Job(replace(RECIPE, spectral=True, dreg=Schedule(0.0)), 0, made_up(50))], 2)
    matrices = [module.weight for module in trained.network.modules() if isinstance(module, nn.Linear)]
    assert len(matrices) == 2
    for matrix in matrices:
        assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1.0, abs=1e-5)


def test_the_optimiser_is_torchs_with_a_rate_for_each_network() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(2, 5, generator=generator)
    gradients = [torch.randn(2, 5, generator=generator) * scale for scale in (0.1, 5.0, 0.3)]
    stacked = StackedAdamW({"w": start.clone()}, torch.tensor([0.1, 0.01]), torch.tensor([0.0, 0.5]))
    norms = [stacked.step({"w": gradient}, torch.tensor([True, True])) for gradient in gradients]
    for row, rate, decay in ((0, 0.1, 0.0), (1, 0.01, 0.5)):
        weight = nn.Parameter(start[row].clone())
        optimiser = torch.optim.AdamW([weight], lr=rate, weight_decay=decay)
        for gradient, norm in zip(gradients, norms, strict=True):
            weight.grad = gradient[row].clone()
            assert norm[row].item() == pytest.approx(nn.utils.clip_grad_norm_([weight], 1.0).item(), rel=1e-5)
            optimiser.step()
        torch.testing.assert_close(stacked.parameters["w"][row], weight.detach(), rtol=1e-5, atol=1e-6)
