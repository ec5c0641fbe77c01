"""Which scenes make which batch: a pure function of seed, epoch and rank, so that a run can be continued."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from pointnc.errors import UserError

Key = tuple[int, int]
"""What a data set is indexed by: (epoch, index). The epoch travels with the index into the workers."""


class ResumableBatchSampler(Sampler[list[Key]]):
    """Batches of (epoch, index) keys for ``DataLoader(batch_sampler=...)``.

    For training every rank gets the same number of batches, as synchronized steps need; together the ranks' n-th
    batches are the n-th batch of ``batch_size * world_size`` that a single process would form; the last samples are
    shared out, and only where they are fewer than the ranks does one come twice. For evaluation
    rank r takes the scenes r, r + world_size, ...: none is repeated or left out, so that sums over the ranks are
    sums over the data set; the ranks may then have different numbers of batches.

    Args:
        size: number of samples in the data set.
        batch_size: samples in a batch of one rank.
        seed: of the order; with the epoch it decides the order wholly.
        shuffle: a new order each epoch; without it the order of the data set.
        rank: which process this is.
        world_size: how many processes there are.
        evaluation: share the scenes out without repetition.
        weights: (size,) for training: samples are drawn with replacement in proportion to these, ``size`` an epoch.

    Raises:
        UserError: there are too few samples for a single batch.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
        evaluation: bool = False,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        if batch_size < 1:
            raise UserError(f"batch_size is {batch_size}; it must be at least 1", code="option")
        if size < 1:
            raise UserError(
                "there are no samples to draw batches from; check the split and dataset.limit", code="nothing-there"
            )
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} of {world_size}")
        self.size, self.batch_size, self.seed, self.shuffle = size, batch_size, seed, shuffle
        self.rank, self.world_size = rank, world_size
        self.evaluation = evaluation
        self.shares = None if weights is None else weights / weights.sum()
        self.epoch = 0
        self._skipped = (0, 0)  # epoch, batches of it

    @property
    def sampler(self) -> ResumableBatchSampler:
        """The sampler itself: it is here that Lightning looks for ``set_epoch``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.epoch = epoch

    def skip(self, batches: int) -> None:
        """Leave out the first ``batches`` batches of the epoch that is set now, and of no other.

        How often that epoch is iterated does not matter: torch asks for an iterator twice where it starts workers.
        """
        if not 0 <= batches <= len(self):
            raise ValueError(f"cannot skip {batches} of {len(self)} batches")
        self._skipped = self.epoch, batches

    def __len__(self) -> int:
        """Return the number of batches in a whole epoch of this rank, whatever is skipped."""
        if self.evaluation:
            return -(-len(range(self.rank, self.size, self.world_size)) // self.batch_size)
        together = self.batch_size * self.world_size
        return -(-self.size // together)

    def __iter__(self) -> Iterator[list[Key]]:
        """Yield the batches of the epoch, from the first that is not to be skipped."""
        order, epoch = self._order(), self.epoch  # fixed now: set_epoch may be called while workers run ahead
        start = self._skipped[1] if self._skipped[0] == epoch else 0
        return ([(epoch, int(i)) for i in self._batch(order, number)] for number in range(start, len(self)))

    def _order(self) -> NDArray[np.int64]:
        if not self.shuffle:
            return np.arange(self.size)
        rng = np.random.default_rng([self.seed, self.epoch])
        return rng.permutation(self.size) if self.shares is None else rng.choice(self.size, self.size, p=self.shares)

    def _batch(self, order: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        if self.evaluation:
            mine = order[self.rank :: self.world_size]
            return mine[number * self.batch_size : (number + 1) * self.batch_size]
        together = self.batch_size * self.world_size
        shared = order[number * together : (number + 1) * together]
        if len(shared) == together:
            return shared[self.rank * self.batch_size : (self.rank + 1) * self.batch_size]
        if len(shared) < self.world_size:
            shared = np.resize(np.concatenate([shared, order]), self.world_size)
        return shared[self.rank :: self.world_size]


def class_balanced_weights(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (N,) how likely each scene is where first a class is drawn, all alike, and then a scene that has it.

    Shen et al., Relay Backpropagation for Effective Learning of Deep CNNs (ECCV 2016). A scene without any class is as
    likely as the least likely other one.

    Args:
        counts: (N, K) points of each class in each scene.
    """
    present = counts > 0
    scenes = present.sum(axis=0)
    weights = (present / np.maximum(scenes, 1)).sum(axis=1)
    if not weights.any():
        return np.ones(len(counts))
    return np.maximum(weights, weights[weights > 0].min())
