"""Numbers of a device that are read without waiting for what is queued behind them.

``tensor.item()`` waits until the device has done everything that it was given. In a training step that drains the
queue, and the device idles while the host fills it again.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


class Later:
    """A small tensor on its way to the host.

    Args:
        value: on any device; on a CPU it is there at once.
    """

    def __init__(self, value: Tensor) -> None:
        self._host, self._arrived = value.detach(), None
        if value.is_cuda:
            self._host = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
            self._host.copy_(value.detach(), non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def read(self) -> Tensor:
        """Return the value on the host, once the device has come as far as this object's making."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._host


class AnyRank:
    """Whether a flag is set on any rank, asked at every step.

    Of several processes with a GPU each, the answer is that to the question of the step before: it has arrived
    meanwhile, so that no step waits for the slowest rank. All ranks get the same answers.
    """

    def __init__(self) -> None:
        self._asked: Later | None = None

    def __call__(self, flag: bool, device: torch.device) -> bool:
        """Ask, and return the answer that is there."""
        if not dist.is_initialized():
            return flag
        tensor = torch.full((), int(flag), device=device)
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        if device.type == "cpu":
            return bool(tensor)
        before, self._asked = self._asked, Later(tensor)
        return before is not None and bool(before.read())
