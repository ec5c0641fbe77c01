"""How batches travel from a loader's worker to the training process: in shared memory that is used again and again.

Left to itself, torch makes a file in shared memory for each tensor, sends its descriptor through a socket and unmaps it
after use: for every batch the system clears thousands of pages, and both processes wait for each other a few times.
Here a worker keeps a few buffers. A batch's tensors are copied into a free one, and only the rest of the batch is
pickled; the buffer itself is sent once, when it is new. It is free again when the last tensor that is in it is gone,
wherever it went in the meantime: the receiving process then clears the buffer's first byte, which the worker reads.

A worker has as many buffers as batches are on their way or held, and ``SPARE`` more, each of up to 9/8 of the largest
batch; they go with the loader.
"""

from __future__ import annotations

import io
import itertools
import math
import os
import pickle
import weakref
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from multiprocessing.util import Finalize
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.errors import UserError

ALIGNMENT = 64
"""Tensors begin at multiples of so many bytes in a buffer; as many stand before the first one."""

SPARE = 2
"""Free buffers that a worker keeps besides the one that it fills; of more, left over from a time when batches were
held, it gives up the smallest."""

BufferKey = tuple[int, int]
"""Process that made a buffer, and the buffer's number there."""

Slot = tuple[torch.dtype, tuple[int, ...], int]
"""Where a tensor is: type, shape, first byte."""

_numbers = itertools.count()
_inboxes: dict[int, dict[BufferKey, Tensor] | None] = {}
_outboxes: dict[int, Outbox] = {}
_forks = [0]
"""How often this process, or the one that it comes from, was forked."""


def _count_fork() -> None:
    _forks[0] += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_count_fork, after_in_child=_count_fork)


def open_inbox(owner: object) -> int:
    """Return the number under which workers send to this process; it holds as long as ``owner`` lives."""
    number = next(_numbers)
    _inboxes[number] = {}
    # None instead of nothing: a thread of torch may still receive for a loader that is gone.
    weakref.finalize(owner, _inboxes.__setitem__, number, None).atexit = False
    return number


def start_sending() -> None:
    """Let go of what a worker inherited from its parent: buffers that are the business of other loaders."""
    _inboxes.clear()
    Finalize(None, _outboxes.clear, exitpriority=0)  # some systems remove the files only when both sides have let go


def pack(inbox: int, batch: object) -> Message:
    """Return what to send in place of a batch: pickled and loaded again by torch's queue, it is the batch.

    Tensors that share memory arrive as tensors of their own, contiguous.

    Args:
        inbox: from :func:`open_inbox` in the receiving process.
        batch: any object that torch's queue can carry; its dense tensors on the CPU travel in a buffer.

    Raises:
        UserError: shared memory is full.
    """
    return _outboxes.setdefault(inbox, Outbox(inbox)).pack(batch)


class Message:
    """A batch on its way."""

    def __init__(self, *contents: Any) -> None:
        self.contents = contents

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        """Return how it is unpickled: as the batch."""
        return _unpack, self.contents


class Outbox:
    """The buffers of a worker for one receiver."""

    def __init__(self, inbox: int) -> None:
        self.inbox = inbox
        self.buffers: dict[BufferKey, Tensor] = {}
        self.retired: list[BufferKey] = []

    def pack(self, batch: object) -> Message:
        """See :func:`pack`."""
        stream = io.BytesIO()
        pickler = _Pickler(stream)
        pickler.dump(batch)
        key, new = self._choose(pickler.end)
        buffer = self.buffers[key]
        try:
            for tensor, slot in pickler.tensors.values():
                _view(buffer, slot).copy_(tensor)
        except BaseException:
            if new:
                del self.buffers[key]
            raise
        buffer[0] = 1  # taken, until the receiver clears it
        retired, self.retired = self.retired, []
        return Message(self.inbox, key, buffer if new else None, retired, stream.getvalue())

    def _choose(self, size: int) -> tuple[BufferKey, bool]:
        """Return the smallest free buffer that is large enough, and whether it is new."""
        free = sorted((key for key, buffer in self.buffers.items() if buffer[0] == 0), key=self._capacity)
        fitting = next((key for key in free if self._capacity(key) >= size), None)
        # A new buffer replaces the smallest free one, so that in time all are large enough.
        others = [key for key in free if key != fitting]
        given_up = others[: max(int(fitting is None), len(others) - SPARE)]
        for key in given_up:
            del self.buffers[key]
        self.retired += given_up
        if fitting is not None:
            return fitting, False
        key = os.getpid(), next(_numbers)
        self.buffers[key] = _shared_buffer(size + size // 8)  # a somewhat larger batch fits too
        return key, True

    def _capacity(self, key: BufferKey) -> int:
        return len(self.buffers[key])


def _shared_buffer(size: int) -> Tensor:
    """Return so many bytes of shared memory, all zero.

    Raises:
        UserError: there is not so much left.
    """
    try:
        storage = torch.UntypedStorage._new_shared(size)
    except RuntimeError as error:  # torch reserves the pages
        reason = str(error).partition(">: ")[2] or str(error)
        raise UserError(
            f"no shared memory for a batch of {size / 2**20:.1f} MB ({reason}): give a container more (docker run "
            "--shm-size=2g), let the process open more files (ulimit -n), make batch_size smaller, or set workers=0",
            code="no-memory",
        ) from None
    return torch.empty(0, dtype=torch.uint8).set_(storage)


def _unpack(inbox: int, key: BufferKey, new: Tensor | None, retired: list[BufferKey], rest: bytes) -> object:
    """Return the batch of a message; its tensors are in the buffer and hold it. None if its loader is gone."""
    if inbox not in _inboxes:
        raise RuntimeError("a loader works in the process that made it: call make_loader in this one")
    buffers = _inboxes[inbox]
    if buffers is None:
        return None
    if new is not None:
        buffers[key] = new
    for old in retired:
        buffers.pop(old, None)
    mapped = buffers[key].numpy()
    # Tensors made of this array hold it: it dies when the last of them does.
    lease = mapped[:]
    weakref.finalize(lease, _release, mapped, _forks[0]).atexit = False
    return _Unpickler(io.BytesIO(rest), lease).load()


def _release(mapped: NDArray[np.uint8], forks: int) -> None:
    """Let the worker use a buffer again, unless a forked child may still read it or is the one that asks."""
    if forks == _forks[0]:
        mapped[0] = 0


def _view(buffer: Tensor, slot: Slot) -> Tensor:
    dtype, shape, start = slot
    return buffer[start : start + dtype.itemsize * math.prod(shape)].view(dtype).view(shape)


class _Pickler(ForkingPickler):
    """Collects tensors with the slots that they shall have; the rest goes the way of torch's queue.

    Attributes:
        tensors: by identity, with their slots.
        end: bytes of the buffer that is needed.
    """

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        self.tensors: dict[int, tuple[Tensor, Slot]] = {}
        self.end = ALIGNMENT

    def persistent_id(self, item: Any) -> Slot | None:
        """Return the slot of a tensor, None for what is to be pickled."""
        if type(item) is not Tensor or item.device.type != "cpu" or item.layout != torch.strided or item.requires_grad:
            return None
        if item.is_nested or item.is_quantized:
            return None
        if id(item) not in self.tensors:
            self.tensors[id(item)] = item, (item.dtype, tuple(item.shape), self.end)
            self.end += -(-item.nbytes // ALIGNMENT) * ALIGNMENT
        return self.tensors[id(item)][1]


class _Unpickler(pickle.Unpickler):
    """Finds tensors in a buffer."""

    def __init__(self, stream: io.BytesIO, lease: NDArray[np.uint8]) -> None:
        super().__init__(stream)
        self.lease = lease
        self.found: dict[Slot, Tensor] = {}

    def persistent_load(self, slot: Slot) -> Tensor:
        """Return the tensor of a slot, the same one each time."""
        if slot not in self.found:
            dtype, shape, start = slot
            count = math.prod(shape)
            # Of this part only: who saves the tensor saves no more than it.
            flat = torch.frombuffer(self.lease, dtype=dtype, count=count, offset=start) if count else torch.empty(0)
            self.found[slot] = flat.to(dtype).view(shape)
        return self.found[slot]
