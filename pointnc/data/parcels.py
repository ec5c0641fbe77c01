"""How batches travel from a loader's worker to the training process: in shared memory that is used again and again.

Left to itself, torch makes a file in shared memory for each tensor, sends its descriptor through a socket and unmaps it
after use: for every batch the system clears thousands of pages, and both processes wait for each other a few times.
Here a worker keeps a few buffers. A batch's tensors are copied into a free one, and only the rest of the batch is
pickled; the buffer itself is sent once, when it is new. It is free again when the last tensor that lies in it is gone,
wherever it went in the meantime: the receiving process then clears the buffer's first byte, which the worker reads.
"""

from __future__ import annotations

import io
import itertools
import math
import os
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ALIGNMENT = 64
"""Bytes to a multiple of which tensors lie in a buffer; as many stand before the first one."""

SPARE = 4
"""Free buffers that a worker keeps; more than are on their way at a time are left after a greater need."""

BufferKey = tuple[int, int]
"""Process that made a buffer, and the buffer's number there."""

Slot = tuple[torch.dtype, tuple[int, ...], int]
"""Where a tensor lies: type, shape, first byte."""

_numbers = itertools.count()
_inboxes: dict[int, dict[BufferKey, Tensor]] = {}
_outboxes: dict[int, Outbox] = {}


def open_inbox(owner: object) -> int:
    """Return the number under which workers send to this process; it holds as long as ``owner`` lives."""
    number = next(_numbers)
    _inboxes[number] = {}
    weakref.finalize(owner, _inboxes.pop, number, None).atexit = False
    return number


def pack(inbox: int, batch: object) -> Parcel:
    """Return what to send in place of a batch: pickled and loaded again by torch's queue, it is the batch.

    Args:
        inbox: from :func:`open_inbox` in the receiving process.
        batch: any object that can be pickled; its dense tensors on the CPU travel in shared memory.
    """
    return _outboxes.setdefault(inbox, Outbox(inbox)).pack(batch)


class Parcel:
    """A batch on its way."""

    def __init__(self, *contents: Any) -> None:
        self.contents = contents

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        """Unpickle as the batch."""
        return _unpack, self.contents


class Outbox:
    """The buffers of a worker for one receiver."""

    def __init__(self, inbox: int) -> None:
        self.inbox = inbox
        self.buffers: dict[BufferKey, Tensor] = {}

    def pack(self, batch: object) -> Parcel:
        """See :func:`pack`."""
        tensors: list[tuple[Tensor, Slot]] = []
        stream = io.BytesIO()
        _Pickler(stream, tensors).dump(batch)
        size = tensors[-1][1][2] + tensors[-1][0].nbytes if tensors else ALIGNMENT
        key, new, retired = self._choose(size)
        buffer = self.buffers[key]
        buffer[0] = 1  # taken, until the receiver clears it
        for tensor, slot in tensors:
            _view(buffer, slot).copy_(tensor)
        return Parcel(self.inbox, key, buffer if new else None, retired, stream.getvalue())

    def _choose(self, size: int) -> tuple[BufferKey, bool, list[BufferKey]]:
        """Return the smallest free buffer that is large enough, whether it is new, and which are given up."""
        free = sorted((key for key, buffer in self.buffers.items() if buffer[0] == 0), key=self._capacity)
        fitting = next((key for key in free if self._capacity(key) >= size), None)
        # In place of a new one the smallest goes: scenes of all sizes end up in buffers for the largest.
        retired = [key for key in free if key != fitting][: max(int(fitting is None), len(free) - SPARE)]
        for key in retired:
            del self.buffers[key]
        if fitting is not None:
            return fitting, False, retired
        storage = torch.UntypedStorage._new_shared(size + size // 4)  # a somewhat larger batch fits too
        key = os.getpid(), next(_numbers)
        self.buffers[key] = torch.empty(0, dtype=torch.uint8).set_(storage)
        return key, True, retired

    def _capacity(self, key: BufferKey) -> int:
        return len(self.buffers[key])


def _unpack(inbox: int, key: BufferKey, new: Tensor | None, retired: list[BufferKey], rest: bytes) -> object:
    """Return the batch of a parcel; its tensors lie in the buffer and hold it."""
    buffers = _inboxes[inbox]
    if new is not None:
        buffers[key] = new
    for old in retired:
        buffers.pop(old, None)
    mapped = buffers[key].numpy()
    # Tensors made of this array share a storage that holds it: it dies when the last of them does.
    lease = mapped[:]
    weakref.finalize(lease, _release, mapped, os.getpid()).atexit = False
    return _Unpickler(io.BytesIO(rest), torch.from_numpy(lease)).load()


def _release(mapped: NDArray[np.uint8], process: int) -> None:
    """Let the worker use a buffer again; a child that was forked with the lease has no say in it."""
    if os.getpid() == process:
        mapped[0] = 0


def _view(buffer: Tensor, slot: Slot) -> Tensor:
    dtype, shape, start = slot
    return buffer[start : start + dtype.itemsize * math.prod(shape)].view(dtype).view(shape)


class _Pickler(pickle.Pickler):
    """Puts tensors into a list with the slots that they shall have."""

    def __init__(self, stream: io.BytesIO, tensors: list[tuple[Tensor, Slot]]) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        self.tensors, self.end = tensors, ALIGNMENT

    def persistent_id(self, item: Any) -> Slot | None:
        """Return the slot of a tensor, None for what is to be pickled."""
        if type(item) is not Tensor or item.is_cuda or item.layout != torch.strided or item.requires_grad:
            return None
        slot = item.dtype, tuple(item.shape), self.end
        self.tensors.append((item, slot))
        self.end += -(-item.nbytes // ALIGNMENT) * ALIGNMENT
        return slot


class _Unpickler(pickle.Unpickler):
    """Finds tensors in a buffer."""

    def __init__(self, stream: io.BytesIO, buffer: Tensor) -> None:
        super().__init__(stream)
        self.buffer = buffer

    def persistent_load(self, slot: Slot) -> Tensor:
        """Return the tensor of a slot."""
        return _view(self.buffer, slot)
