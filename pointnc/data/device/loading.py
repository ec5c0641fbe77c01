"""What loader workers do when the transforms run on the device: map files, draw random numbers, collate points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pointnc.data.batch import VoxelBatch
from pointnc.data.dataset import SceneDataset
from pointnc.data.device.voxels import voxel_batch, voxelize_points
from pointnc.data.features import scene_array
from pointnc.data.movable import Movable
from pointnc.data.sampler import Key
from pointnc.data.transforms import Draw, Draws, Layout, Outline, PointBatch, device_steps
from pointnc.scenes import Scene
from pointnc.scenes.scene import IGNORE


@dataclass(frozen=True)
class RawSample:
    """The scenes of a sample as they are in the store, and what the transforms drew for them.

    Attributes:
        scenes: one, or two that are to be mixed.
        draws: for each scene what each step drew.
        uniform: (N,) float64 for the choice of representatives, N the points after all steps; None for other choices.
    """

    scenes: tuple[Scene, ...]
    draws: tuple[tuple[Draw, ...], ...]
    uniform: NDArray[np.float64] | None


@dataclass(frozen=True)
class RawBatch(Movable):
    """B samples of S ≥ B scenes before the transforms.

    Attributes:
        points: of the S scenes.
        draws: what each step drew.
        samples: where the samples are after all steps.
        names: the B samples' names; of a mixed one "first+second".
        uniform: (N,) float64 for the choice of representatives, sample after sample.
    """

    points: PointBatch
    draws: tuple[Draws, ...]
    samples: Layout
    names: list[str]
    uniform: Tensor | None

    @property
    def batch_size(self) -> int:
        """The number of samples B."""
        return len(self.names)


class DevicePipeline(Dataset[RawSample]):
    """The samples of a :class:`~pointnc.data.dataset.SceneDataset`, transformed and voxelized on a device.

    Three calls make a batch: indexing and :meth:`collate` on the host, in loader workers; :meth:`prepare` on the
    device. It is the batch that :func:`pointnc.data.collate` makes of the data set's own samples.

    Args:
        dataset: the samples of training.

    Raises:
        UserError: one of its transforms cannot run on the device.
    """

    def __init__(self, dataset: SceneDataset) -> None:
        if dataset.full_resolution:
            raise ValueError("full-resolution scenes are voxelized on the host")
        self.dataset = dataset
        self.steps = device_steps(dataset.transforms)
        self.by_instance = any(step.by_instance for step in self.steps)

    def __len__(self) -> int:
        """Return the number of samples in an epoch."""
        return len(self.dataset)

    def __getitem__(self, key: Key | int) -> RawSample:
        """Return a sample before its transforms.

        Raises:
            UserError: see :meth:`pointnc.data.dataset.SceneDataset.__getitem__`.
        """
        plan = self.dataset.plan(key)
        scenes = tuple(self.dataset.source(number, rng) for number, rng in plan)
        draws = tuple(self._draw(scene, rng) for scene, (_, rng) in zip(scenes, plan))
        uniform = None
        if self.dataset.representative == "random":
            # One a point: there are no more voxels than that, and the voxels' numbers come first.
            points = sum(_last_length(scene, steps) for scene, steps in zip(scenes, draws))
            uniform = plan[0][1].random(points)
        return RawSample(scenes, draws, uniform)

    def _draw(self, scene: Scene, rng: np.random.Generator) -> tuple[Draw, ...]:
        draws: list[Draw] = []
        outline = Outline(len(scene), scene.color is not None, scene.instance if self.by_instance else None)
        for step in self.steps:
            draws.append(step.draw(outline, rng))
            outline = outline.after(draws[-1])
        return tuple(draws)

    def collate(self, samples: Sequence[RawSample]) -> RawBatch:
        """Put the points of samples one after the other, with the arrays that features and labels need."""
        scenes = [scene for sample in samples for scene in sample.scenes]
        draws = [steps for sample in samples for steps in sample.draws]
        wanted = {scene_array(name) for name in self.dataset.features}
        uniform = [sample.uniform for sample in samples if sample.uniform is not None]
        lengths = [
            sum(_last_length(scene, steps) for scene, steps in zip(sample.scenes, sample.draws)) for sample in samples
        ]
        return RawBatch(
            points=PointBatch(
                Layout.of(tuple(len(scene) for scene in scenes)),
                coord=_join([scene.coord for scene in scenes]),
                semantic=_join([_labels(scene) for scene in scenes]),
                color=_join([scene.color for scene in scenes]) if "color" in wanted else None,
                normal=_join([scene.normal for scene in scenes]) if "normal" in wanted else None,
                strength=_join([scene.strength for scene in scenes]) if "strength" in wanted else None,
                instance=_join([_instances(scene) for scene in scenes]) if self.by_instance else None,
            ),
            draws=tuple(Draws.of(step) for step in zip(*draws)),
            samples=Layout.of(tuple(lengths)),
            names=["+".join(scene.name for scene in sample.scenes) for sample in samples],
            uniform=torch.from_numpy(np.concatenate(uniform)) if uniform else None,
        )

    @torch.no_grad()
    def prepare(self, batch: RawBatch) -> VoxelBatch:
        """Transform and voxelize a batch, on the device on which it is.

        Raises:
            UserError: a transformed scene cannot be voxelized; the message names it.
        """
        points = batch.points
        for step, draws in zip(self.steps, batch.draws):
            if any(draws.chosen):
                points = draws.only_chosen(points, step.apply_batch(points, draws))
        # The scenes of a sample are side by side: to forget where the second begins is to mix them.
        points = points.replace(layout=batch.samples)
        dataset = self.dataset
        voxels = voxelize_points(points, batch.names, dataset.voxel_size, dataset.representative, batch.uniform)
        return voxel_batch(points, voxels, batch.names, dataset.features)


def _last_length(scene: Scene, steps: Sequence[Draw]) -> int:
    return steps[-1].length if steps else len(scene)


def _labels(scene: Scene) -> NDArray[np.int32]:
    """Return int32 labels in which every negative one is ``IGNORE``."""
    assert scene.semantic is not None  # the data set refuses to train without
    return np.maximum(scene.semantic, IGNORE, dtype=np.int64).astype(np.int32)


def _instances(scene: Scene) -> NDArray[np.int32]:
    """Return int32 instance numbers, -1 for all points of a scene that has none."""
    return np.full(len(scene), -1, np.int32) if scene.instance is None else scene.instance.astype(np.int32)


def _join(arrays: Sequence[NDArray[Any] | None]) -> Tensor:
    """Return the arrays one after the other, float32 but for bytes and labels; the data set checked that all are."""
    present = [array for array in arrays if array is not None]
    same = {array.dtype for array in present} <= {np.dtype(np.uint8)} or present[0].dtype == np.int32
    return torch.from_numpy(np.concatenate(present, dtype=present[0].dtype if same else np.float32))
