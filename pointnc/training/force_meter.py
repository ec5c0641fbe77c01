"""How a regularizer's forces on the centers go with the loss's while a network trains; for the curves of a run."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from pointnc.collapse.centers import rank_count
from pointnc.collapse.conflict import ForceTally
from pointnc.collapse.forces import forces_of
from pointnc.collapse.summary import ALL
from pointnc.scenes.taxonomy import GROUPS, Taxonomy
from pointnc.training.later import Later

EVERY = 50
"""Optimizer steps between two measurements: each costs the backward passes of head and regularizer once more."""

SHOWN = ("ratio", "cosine", "conflict")
"""What is kept of each group; see :meth:`pointnc.collapse.conflict.ForceTally.by_group`."""


def group_rows(taxonomy: Taxonomy) -> dict[str, Tensor]:
    """Return name to (K,) float32, 1 for the classes of a group, else 0; all classes come first."""
    groups = {name: torch.tensor([float(own == name) for own in taxonomy.groups]) for name in GROUPS}
    return {ALL: torch.ones(len(taxonomy)), **{name: row for name, row in groups.items() if row.any()}}


class ForceMeter:
    """Compares the forces of a batch now and then, group by group; no step waits for a GPU because of it.

    Args:
        taxonomy: the K classes, whose groups are told apart.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        groups = group_rows(taxonomy)
        self._names = [name for name in groups if name != ALL] or [ALL]
        self._members = torch.stack([groups[name] for name in self._names])
        self._measured = -1
        self._later: Later | None = None

    def due(self, step: int) -> bool:
        """Whether to measure in this optimizer step; only once in one that gathers several batches."""
        return step % EVERY == 0 and step != self._measured

    def measure(self, step: int, loss: Tensor, penalty: Tensor, features: Tensor, labels: Tensor) -> None:
        """Compare the forces of one batch, joined over all ranks, each of which must call this.

        Args:
            step: the optimizer step.
            loss: scalar with a graph to ``features``.
            penalty: the same of the regularizer, times its weight.
            features: (V, D).
            labels: (V,) integer class, -1 for ignored points.
        """
        self._measured = step
        classes = self._members.shape[1]
        forces = torch.stack([forces_of(value, features, labels, classes) for value in (loss, penalty)])
        if rank_count() > 1:
            dist.all_reduce(forces)
        self._members = self._members.to(forces.device)
        with torch.autocast(forces.device.type, enabled=False):  # sums of forces by products of matrices
            found = ForceTally.of(*forces).by_group(self._members)
        self._later = Later(torch.stack([found[name] for name in SHOWN]))

    def read(self) -> dict[str, float]:
        """Return ``forces/<value>_<group>`` of the latest measurement, once; empty where there is none."""
        if self._later is None:
            return {}
        values, self._later = self._later.read(), None
        return {
            f"forces/{name}_{group}": float(value)
            for name, row in zip(SHOWN, values)
            for group, value in zip(self._names, row)
            if torch.isfinite(value)
        }
