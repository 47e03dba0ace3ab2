"""A progress bar over epochs."""

from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from skorch.callbacks import Callback


class EpochBar:
    """Shows epochs done, validation loss and the time left, while it is entered.

    Args:
        epochs: how many there will be.
        shown: whether anything is drawn at all.
    """

    def __init__(self, epochs: int, *, shown: bool = True) -> None:
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("validation loss {task.fields[loss]:.4f}"),
            TimeRemainingColumn(),
            disable=not shown,
        )
        self._task = self._bar.add_task("", total=epochs, loss=float("nan"))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()

    def advance(self, epochs: float) -> None:
        """Advance by a number of epochs, or by a share of one, which keeps the time left fresh where they are long."""
        self._bar.update(self._task, advance=epochs)

    def show(self, loss: float) -> None:
        """Show a validation loss."""
        self._bar.update(self._task, loss=loss)


class EpochProgress(Callback):  # type: ignore[misc]  # skorch ships no types
    """The bar for skorch; its time left is an upper bound, as early stopping may come first."""

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Draw the empty bar."""
        self._bar = EpochBar(net.max_epochs).__enter__()

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Advance by one epoch."""
        self._bar.show(net.history[-1, "valid_loss"])
        self._bar.advance(1)

    def on_train_end(self, _net: Any, **_: Any) -> None:
        """Leave the bar as it stands."""
        self._bar.__exit__(None, None, None)
