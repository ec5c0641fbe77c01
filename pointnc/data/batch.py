"""The types that reach a network: one voxelized scene, and several of them as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointnc.data.features import voxel_features
from pointnc.data.movable import Movable
from pointnc.data.voxels import Representative, voxelize
from pointnc.errors import UserError
from pointnc.scenes import Scene
from pointnc.scenes.scene import IGNORE


@dataclass(frozen=True)
class Sample:
    """One voxelized scene: N points in V voxels with F feature channels.

    Attributes:
        name: the scene's name.
        grid: (V, 3) int32 voxel coordinates from 0.
        features: (V, F) float32.
        segment: (V,) int64 train index of each voxel's representative point, -1 = ignore; None without labels.
        inverse: (N,) int64 voxel of each point; None in training.
        point_segment: (N,) int64 train index of each point; None in training or without labels.
    """

    name: str
    grid: NDArray[np.int32]
    features: NDArray[np.float32]
    segment: NDArray[np.int64] | None = None
    inverse: NDArray[np.int64] | None = None
    point_segment: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class VoxelBatch(Movable):
    """B voxelized scenes, one after the other: V voxels with F feature channels, N points.

    Attributes:
        coord: (V, 4) int32: number of the scene in the batch, then the voxel coordinates x, y, z from 0.
        features: (V, F) float32.
        segment: (V,) int64 train index, -1 = ignore; None without labels.
        offsets: (B + 1,) int64: the voxels of scene b are ``offsets[b]`` to ``offsets[b + 1]``.
        names: B scene names.
        inverse: (N,) int64 voxel of each point, counted through the whole batch; None in training.
        point_offsets: (B + 1,) int64: the points of scene b; None in training.
        point_segment: (N,) int64 train index of each point; None in training or without labels.
    """

    coord: Tensor
    features: Tensor
    segment: Tensor | None
    offsets: Tensor
    names: list[str]
    inverse: Tensor | None = None
    point_offsets: Tensor | None = None
    point_segment: Tensor | None = None

    @property
    def batch_size(self) -> int:
        """The number of scenes B."""
        return len(self.names)

    def __len__(self) -> int:
        """Return the number of voxels V."""
        return len(self.coord)


def make_sample(
    scene: Scene,
    features: Sequence[str],
    voxel_size: float,
    representative: Representative = "first",
    rng: np.random.Generator | None = None,
    full_resolution: bool = False,
) -> Sample:
    """Voxelize a scene.

    Args:
        scene: N points with the features that are asked for.
        features: names out of :data:`pointnc.data.features.CHANNELS`.
        voxel_size: edge of a voxel in meters.
        representative: which point stands for a voxel; see :func:`pointnc.data.voxels.voxelize`.
        rng: needed for a random representative.
        full_resolution: keep the way back from voxels to points, and the points' labels.

    Raises:
        UserError: the scene lacks a feature or cannot be voxelized; the message names it.
    """
    try:
        voxels = voxelize(scene.coord, voxel_size, representative, rng)
    except UserError as error:
        raise UserError(f"scene {scene.name}: {error}", code=error.code) from None
    return Sample(
        name=scene.name,
        grid=voxels.grid,
        features=voxel_features(scene, voxels, features),
        segment=None if scene.semantic is None else _labels(scene.semantic.take(voxels.index)),
        inverse=voxels.inverse if full_resolution else None,
        point_segment=_labels(scene.semantic) if full_resolution and scene.semantic is not None else None,
    )


def _labels(semantic: NDArray[Any]) -> NDArray[np.int64]:
    """Return int64 labels in which every negative one is ``IGNORE``."""
    return np.maximum(semantic, IGNORE, dtype=np.int64)


def collate(samples: Sequence[Sample]) -> VoxelBatch:
    """Put samples one after the other.

    Raises:
        UserError: some samples have labels and others none.
    """
    if not samples:
        raise ValueError("a batch needs at least one sample")
    offsets = _offsets([len(sample.grid) for sample in samples])
    coord = torch.empty((int(offsets[-1]), 4), dtype=torch.int32)
    table = coord.numpy()
    for number, sample in enumerate(samples):
        rows = table[offsets[number] : offsets[number + 1]]
        rows[:, 0] = number
        for axis in range(3):  # numpy copies long columns much faster than short rows
            rows[:, axis + 1] = sample.grid[:, axis]
    inverse = _present(samples, "inverse")
    return VoxelBatch(
        coord=coord,
        features=torch.from_numpy(np.concatenate([sample.features for sample in samples])),
        segment=_concatenate(_present(samples, "segment")),
        offsets=torch.from_numpy(offsets),
        names=[sample.name for sample in samples],
        inverse=_concatenate(inverse and [rows + start for rows, start in zip(inverse, offsets)]),
        point_offsets=torch.from_numpy(_offsets([len(rows) for rows in inverse])) if inverse else None,
        point_segment=_concatenate(_present(samples, "point_segment")),
    )


def _offsets(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _concatenate(arrays: list[NDArray[np.int64]] | None) -> Tensor | None:
    return torch.from_numpy(np.concatenate(arrays)) if arrays else None


def _present(samples: Sequence[Sample], key: str) -> list[NDArray[np.int64]] | None:
    """Return the samples' arrays of that name, None where none has it."""
    arrays = [getattr(sample, key) for sample in samples]
    missing = [sample.name for sample, array in zip(samples, arrays) if array is None]
    if len(missing) == len(samples):
        return None
    if missing:
        raise UserError(
            f"scene {missing[0]} has no {key} but others of its batch have; prepare the store again with labels",
            code="missing-array",
        )
    return arrays
