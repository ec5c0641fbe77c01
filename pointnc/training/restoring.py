"""What fails while a run is put back where it was, said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from pointnc.errors import UserError

PER_WEIGHT = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer"}
"""What Adam and SGD remember of each weight, in its shape."""


class Restoring(Callback):
    """Notices when the training has begun; until then what goes wrong is the checkpoint's fault.

    Lightning, optimizer and callbacks take up states that no check here knows in full. Comes last of the callbacks.

    Args:
        path: the checkpoint, None for a fresh run.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Notice that all states were taken up.

        Raises:
            UserError: the optimizer remembers weights of other shapes, which it would notice at its first step.
        """
        for optimizer in trainer.optimizers if self._path else ():
            for weight, state in optimizer.state.items():
                for name in PER_WEIGHT & state.keys():
                    if getattr(state[name], "shape", weight.shape) != weight.shape:
                        raise UserError(
                            f"{self._path} is damaged: {name} of its optimizer has the shape of no weight",
                            code="damaged-file",
                        )
        self._path = None

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise what fails before the first batch of a resumed run as a mistake in its file.

        Raises:
            UserError: the states in the checkpoint do not fit.
        """
        try:
            yield
        except (UserError, OSError, MemoryError):  # which are not the file's fault
            raise
        except Exception as error:
            if self._path is None:
                raise
            if type(error).__name__ == "MisconfigurationException" and "max_epochs" in str(error):
                raise UserError(
                    f"{self._path} has been trained for more epochs than trainer.max_epochs: give a larger number",
                    code="option",
                ) from None
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"{self._path} cannot be gone on with ({type(error).__name__}: {reason}): it is damaged, or of another "
                "version; weights=FILE starts from its weights",
                code="damaged-file",
            ) from error
