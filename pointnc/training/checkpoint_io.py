"""How Lightning's checkpoints come to the disk and back: written whole or not at all, read without running code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.weights.checkpoint import KEY, read_checkpoint
from pointnc.weights.tensors import checksum


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's way to the disk: a temporary file beside the target, then a rename."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the file; the previous one stays valid until the new one is whole.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        own = {**checkpoint[KEY], "tensors": checksum(checkpoint)} if KEY in checkpoint else None
        checkpoint = checkpoint if own is None else {**checkpoint, KEY: own}
        try:
            with atomic_path(path) as temporary, temporary.open("wb") as stream:
                torch.save(checkpoint, stream)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            # The last one is the nearest to where the run was, whichever could not be written.
            last = next((one for one in (Path(path).with_name("last.ckpt"), Path(path)) if one.exists()), None)
            kept = f"; {last} of before is still valid, go on with resume={last}" if last else ""
            raise UserError(
                f"could not write {path} ({reason}): free space or choose another run_dir={kept}", code="file-access"
            ) from error

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read the file without unpickling code."""
        return read_checkpoint(path).data
