"""What conversion costs in accuracy."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from model_export.chainzrule import Network
from model_export.export import Labelled
from model_export.training.standardiser import InputStandardiser

_ROWS_AT_A_TIME = 500


@dataclass(frozen=True)
class ConversionReport:
    """Shares of the same test rows; printed, it is a table.

    Args:
        rows: that were tested on.
        accuracy: of the module, the converted network and the fine-tuned one, by these names.
        agreement: of each with the module: rows that have the same label.
    """

    rows: int
    accuracy: dict[str, float]
    agreement: dict[str, float]

    @classmethod
    @torch.no_grad()
    def measure(
        cls, module: nn.Module, converted: Network, tuned: Network, standardiser: InputStandardiser, test: Labelled
    ) -> Self:
        """Return what each network makes of test rows.

        Args:
            module: as it was converted.
            converted: before fine-tuning.
            tuned: after it.
            standardiser: from raw rows to what all three take.
            test: raw rows, used for nothing else.
        """
        networks = {"before conversion": module, "after conversion": converted, "after fine-tuning": tuned}
        raw, codes = torch.from_numpy(test.rows), torch.from_numpy(test.codes)
        rows = standardiser(raw).float()
        labels = {name: _labels(network, rows) for name, network in networks.items()}
        original = labels["before conversion"]
        return cls(
            len(codes),
            {name: _share(found == codes) for name, found in labels.items()},
            {name: _share(found == original) for name, found in labels.items()},
        )

    def __str__(self) -> str:
        lines = [f"{f'on {self.rows:,} test rows':<24}{'accuracy':>10}{'change':>10}{'same label':>12}"]
        first = self.accuracy["before conversion"]
        for name, accuracy in self.accuracy.items():
            change = f"{accuracy - first:+.4f}" if accuracy is not first else ""
            lines.append(f"{name:<24}{accuracy:>10.4f}{change:>10}{self.agreement[name]:>12.4f}")
        return "\n".join(lines)


def _labels(network: nn.Module, rows: Tensor) -> Tensor:
    """Return the likeliest class of each row, as evaluated; the network's mode stays as it is."""
    training = network.training
    network.eval()
    labels = torch.cat([network(part).argmax(1) for part in torch.split(rows, _ROWS_AT_A_TIME)])
    network.train(training)
    return labels


def _share(of: Tensor) -> float:
    return of.double().mean().item()
