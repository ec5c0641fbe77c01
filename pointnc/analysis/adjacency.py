"""Which classes lie next to which: pairs of neighboring voxels, counted by their classes.

Shapes: V voxels, K classes.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from pointnc.data.voxels import voxelize
from pointnc.errors import UserError
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy

HALF = tuple(step for step in itertools.product((-1, 0, 1), repeat=3) if step > (0, 0, 0))
"""Thirteen of the 26 neighbors: one of each opposite pair."""


def class_adjacency(store: SceneStore, split: str, taxonomy: Taxonomy, voxel_size: float) -> NDArray[np.int64]:
    """Count the pairs of neighboring voxels in all scenes of a split; see :func:`voxel_adjacency`.

    A voxel has the label of its first point, as in training.

    Args:
        store: the scenes.
        split: "train", "val"...
        taxonomy: the K classes.
        voxel_size: edge of a voxel in meters: how far apart neighbors are.

    Raises:
        UserError: a scene has no labels, or labels outside the label set.
    """
    total = np.zeros((len(taxonomy), len(taxonomy)), np.int64)
    for name in store.scenes(split):
        scene = store.load(split, name, taxonomy.segment)
        if scene.semantic is None:
            raise UserError(
                f"scene {name} has no {taxonomy.segment}.npy; prepare the store with labels", code="no-labels"
            )
        taxonomy.check_labels(scene)
        voxels = voxelize(np.asarray(scene.coord), voxel_size)
        label = np.asarray(scene.semantic)[voxels.index].astype(np.int64)
        total += voxel_adjacency(voxels.grid, label, len(taxonomy))
    return total


def voxel_adjacency(grid: NDArray[np.int32], label: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """Count the pairs of voxels that share a face, an edge or a corner, by the classes of the two.

    Args:
        grid: (V, 3) distinct integer coordinates from 0.
        label: (V,) classes; voxels with a negative one are left out.
        num_classes: K.

    Returns:
        (K, K) int64, symmetric; every unordered pair counts once in [a, b] and, if a differs from b, once in [b, a].
    """
    K = num_classes
    labeled = label >= 0
    grid, label = grid[labeled].astype(np.int64), label[labeled]
    if not len(grid):
        return np.zeros((K, K), np.int64)
    # A free cell around all voxels: no step from one of them leads to the other side of the grid.
    extent = grid.max(axis=0) + 3
    key = ((grid[:, 0] + 1) * extent[1] + grid[:, 1] + 1) * extent[2] + grid[:, 2] + 1
    order = np.argsort(key)
    key, label = key[order], label[order]
    counts = np.zeros(K * K, np.int64)
    for x, y, z in HALF:
        wanted = key + (x * extent[1] + y) * extent[2] + z
        place = np.searchsorted(key, wanted)  # both ascend: the search walks, and stays in the cache
        place[place == len(key)] = 0
        met = key[place] == wanted
        counts += np.bincount(label[met] * K + label[place[met]], minlength=K * K)
    directed = counts.reshape(K, K)
    return directed + directed.T - np.diag(directed.diagonal())


def association(adjacency: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how much of their contact with other classes two classes have with one another.

    n_ab / sqrt(n_a n_b), where n_ab counts the neighboring pairs of a and b, and n_a those of a and any other class:
    the geometric mean of "share of a's contacts that are with b" and of "share of b's that are with a". It does not
    depend on how large or how frequent the two are.

    Args:
        adjacency: (K, K) counts.

    Returns:
        (K, K) float64 in [0, 1], symmetric; 0 on the diagonal and for classes without contacts; 1 for two classes that
        touch only each other.
    """
    contacts = adjacency.astype(np.float64)
    np.fill_diagonal(contacts, 0)
    root = np.sqrt(contacts.sum(axis=1))
    scale = np.divide(1, root, out=np.zeros_like(root), where=root > 0)
    return contacts * scale[:, None] * scale
