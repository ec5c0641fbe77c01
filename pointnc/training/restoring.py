"""What fails while a run is put back where it was, said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import Callback

from pointnc.errors import UserError


class Restoring(Callback):
    """Notices when the training has begun; until then what goes wrong is the checkpoint's fault.

    Lightning, optimizer and callbacks take up states that no check here knows in full. Comes last of the callbacks.

    Args:
        path: the checkpoint, None for a fresh run.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def on_train_start(self, *_: Any) -> None:
        """Notice that all states were taken up."""
        self._path = None

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise what fails before the first batch of a resumed run as a mistake in its file.

        Raises:
            UserError: the states in the checkpoint do not fit.
        """
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            if self._path is None:
                raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"{self._path} cannot be gone on with ({type(error).__name__}: {reason}): it is damaged, or of another "
                "version; weights=FILE starts from its weights"
            ) from error
