"""From a torch module to a network of the library's layers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model_export.chainzrule import Network
from model_export.conversion.assembly import assemble, copy_weights
from model_export.conversion.curves import exact_activation
from model_export.conversion.fitting import Fit, Unfitted, fit_cubics
from model_export.conversion.steps import Step, Weighted
from model_export.conversion.structure import steps_of
from model_export.conversion.tracing import trace_module
from model_export.errors import ConversionError

_FEWEST_ROWS = 64
"""Rows that cubics are fitted to, at least."""


@dataclass(frozen=True)
class Conversion:
    """A module as the library has it.

    Args:
        network: of the library's layers, on the CPU, in float32 and evaluation mode; nothing is shared with the module.
        fits: how well each activation's cubics stand for it, in the order of evaluation; none where it was kept.
    """

    network: Network
    fits: tuple[Fit, ...]

    def __str__(self) -> str:
        lines = [f"{'activation':<40}{'cubics':>8}{'inputs':>22}{'error':>8}"]
        for fit in self.fits:
            inputs = f"{fit.lowest:.3g} … {fit.highest:.3g}"
            lines.append(f"{f'{fit.path}: {fit.name}':<40}{fit.width:>8}{inputs:>22}{fit.error:>8.3f}")
        return "\n".join(lines)


def convert(module: nn.Module, sample_inputs: Tensor, *, keep_activations: bool = False) -> Conversion:
    """Return a torch module as a network of the library's layers, which `export` takes.

    Each activation becomes a cubic a neuron or channel, fitted by least squares to it over the inputs that sample rows
    give it (see `fit_cubics`); weights stay. Dropout is left out. A module that is called twice becomes two layers.

    Args:
        module: ends in a `Linear` to K ≥ 2 logits; left as it is. It is followed as it is evaluated.
        sample_inputs: rows like those it was trained on, float [N, features] or [N, channels, height, width], as it
            takes them: standardised, if it was trained on standardised ones.
        keep_activations: keep them instead, with their own derivatives: ReLU, GELU, SiLU and tanh.

    Raises:
        ConversionError: if there are too few rows, or the module has a part that cannot be converted, which it names.
    """
    if not keep_activations and len(sample_inputs) < _FEWEST_ROWS:
        raise ConversionError(f"{len(sample_inputs)} sample rows are too few to fit to: give at least {_FEWEST_ROWS}")
    rows = sample_inputs.detach().cpu().float()
    with torch.random.fork_rng(devices=[]):  # layers draw weights, which are overwritten
        hidden, head = _parted(steps_of(trace_module(module, rows[:2])))
        layers = assemble(hidden, exact_activation if keep_activations else Unfitted)
        network = Network(layers, head).eval()
        fits = () if keep_activations else fit_cubics(network, rows)
    return Conversion(network, fits)


def _parted(steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], nn.Linear]:
    """Return what stands before the head, and the head."""
    last = steps[-1] if steps else None
    if not isinstance(last, Weighted) or not isinstance(last.module, nn.Linear):
        where = getattr(last, "path", "a layer of another kind")
        raise ConversionError(f"the network ends in {where}: let it end in a Linear that returns the logits")
    source = last.module
    if source.out_features < 2:
        raise ConversionError(
            f"{last.path} returns one number: give it two logits, of which the first may be 0 (weights and bias of 0) "
            "and the second that number"
        )
    head = nn.Linear(source.in_features, source.out_features)
    copy_weights(source, head)
    return steps[:-1], head
