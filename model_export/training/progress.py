"""A progress bar over epochs."""

from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from skorch.callbacks import Callback


class EpochProgress(Callback):  # type: ignore[misc]  # skorch ships no types
    """Shows epochs done, validation loss and the time left (an upper bound: early stopping may come first)."""

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Draw the empty bar."""
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("validation loss {task.fields[loss]:.4f}"),
            TimeRemainingColumn(),
        )
        self._task = self._bar.add_task("", total=net.max_epochs, loss=float("nan"))
        self._bar.start()

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Advance by one epoch."""
        self._bar.update(self._task, advance=1, loss=net.history[-1, "valid_loss"])

    def on_train_end(self, _net: Any, **_: Any) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()
