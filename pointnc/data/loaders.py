"""Data loaders that leave the global random state alone and the cores to the network."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from pointnc.data.batch import collate
from pointnc.data.sampler import Key, ResumableBatchSampler
from pointnc.data.shared_buffers import open_inbox, pack, start_sending
from pointnc.errors import UserError
from pointnc.runtime.allocation import keep_freed_memory


def make_loader(
    dataset: Dataset[Any],
    batch_sampler: ResumableBatchSampler,
    workers: int = 0,
    collate: Callable[[Sequence[Any]], Any] = collate,
    pin: bool = False,
) -> DataLoader[Any]:
    """Return a loader of :class:`~pointnc.data.batch.VoxelBatch`, or of what another ``collate`` makes.

    What it yields is decided by data set and sampler alone: the number of workers changes nothing. A user's mistake
    that a worker meets is raised in the calling process as the one line that it is.

    Args:
        dataset: of :class:`Sample`, indexed by the sampler's keys.
        batch_sampler: which scenes make which batch.
        workers: processes that prepare batches; they stay between epochs. 0: the calling process does it.
        collate: makes a batch of samples.
        pin: whether batches come in page-locked memory, from which a GPU copies without waiting.
    """
    guarded = _Guarded(dataset)
    return _Loader(
        guarded,
        batch_sampler=batch_sampler,
        num_workers=workers,
        collate_fn=partial(_collate, collate, open_inbox(guarded)),
        # Its own generator: with the global one, starting an iteration would shift every later random number.
        generator=torch.Generator(),
        persistent_workers=workers > 0,
        worker_init_fn=_start_worker,
        pin_memory=pin,
    )


class _Loader(DataLoader[Any]):
    """Raises the mistakes that came in place of a batch."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        if self.num_workers > 0:
            wait_for_threads()
        batches = super().__iter__()  # now, not with the first batch: workers start early
        return map(_raise_mistake, batches)  # which holds no batch longer than its reader


def wait_for_threads(most: float = 2.0) -> None:
    """Wait until every other thread of this process sleeps, so that none is in the middle of something at a fork.

    Python before 3.12, 3.11.10 and 3.10.15 has a lock that a thread of gloo takes for a moment when it lets go of a
    tensor. A worker that was forked in that moment waited for it for ever, before its first line of Python
    (https://github.com/python/cpython/issues/112275). Where the system does not tell what threads do, this waits for
    nothing.

    Args:
        most: seconds after which one goes on all the same.
    """
    end, rested = time.monotonic() + most, 0
    while rested < 3 and time.monotonic() < end:
        time.sleep(0.001)  # for those that only wait for this thread to let Python go
        rested = 0 if _threads_run() else rested + 1


def _threads_run() -> bool:
    own = str(threading.get_native_id())
    for task in Path("/proc/self/task").glob("*"):
        with suppress(OSError):  # it has ended
            state = (task / "stat").read_text().rpartition(")")[2].split()[0]
            if task.name != own and state != "S":
                return True
    return False


class _Guarded(Dataset[Any]):
    """Returns a mistake instead of raising it: torch would bury its line in a worker's traceback."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, key: Key) -> Any:
        try:
            return self.dataset[key]
        except UserError as mistake:
            return mistake


def _collate(collate: Callable[[Sequence[Any]], Any], inbox: int, samples: Sequence[Any]) -> Any:
    try:
        batch = collate([_raise_mistake(sample) for sample in samples])
        return batch if get_worker_info() is None else pack(inbox, batch)
    except UserError as mistake:
        return mistake


def _raise_mistake(result: Any) -> Any:
    if isinstance(result, UserError):
        raise result
    return result


def _start_worker(worker: int) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()  # one sample is much like the next
    start_sending()
    # Ctrl-C reaches the whole process group; the training process decides when its workers stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
