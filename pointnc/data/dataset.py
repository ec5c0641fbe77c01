"""A split of a scene store as samples for training or as full-resolution scenes for evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from pointnc.data.batch import Sample, make_sample
from pointnc.data.features import check_features, feature_channels
from pointnc.data.sampler import Key
from pointnc.data.transforms import CenterShift, SceneFunction, mix
from pointnc.data.voxels import Representative
from pointnc.errors import UserError
from pointnc.scenes import Scene, SceneStore, Taxonomy


class SceneDataset(Dataset[Sample]):
    """Voxelized scenes. A sample is a pure function of (seed, epoch, index).

    Args:
        store: where the scenes are; they are memory-mapped at each access.
        split: "train", "val", "test"...
        taxonomy: the label set; its K bounds the labels.
        features: names out of :data:`pointnc.data.features.CHANNELS`.
        voxel_size: edge of a voxel in meters.
        transforms: the augmentation; None centers the scene and leaves it at that.
        insertion: what is done to a scene before the augmentation, at its full size; see
            :class:`pointnc.data.insertion.InstanceInsertion`.
        mix_probability: how likely a sample is to be the union of two augmented scenes.
        representative: which point stands for a voxel; see :func:`pointnc.data.voxels.voxelize`.
        seed: of all randomness.
        full_resolution: for evaluation: no augmentation, the same sample in every epoch, with the way back from
            voxels to points and the points' labels.

    Raises:
        UserError: the split is missing or empty, the store has another label set, a feature is unknown.
    """

    def __init__(
        self,
        store: SceneStore,
        split: str,
        taxonomy: Taxonomy,
        features: Sequence[str],
        voxel_size: float,
        transforms: SceneFunction | None = None,
        mix_probability: float = 0.0,
        representative: Representative = "first",
        seed: int = 0,
        full_resolution: bool = False,
        insertion: SceneFunction | None = None,
    ) -> None:
        if full_resolution and (transforms is not None or insertion is not None or mix_probability > 0):
            raise ValueError("full-resolution scenes are neither augmented nor mixed")
        feature_channels(features)
        store.check_taxonomy(taxonomy)
        self.store, self.split, self.taxonomy = store, split, taxonomy
        self.features, self.voxel_size = tuple(features), voxel_size
        self.transforms: SceneFunction = transforms or CenterShift()
        self.insertion = insertion
        self.mix_probability, self.representative = mix_probability, representative
        self.seed, self.full_resolution = seed, full_resolution
        self.names = store.scenes(split)

    def __len__(self) -> int:
        """Return the number of samples in an epoch: that of the scenes."""
        return len(self.names)

    def __getitem__(self, key: Key | int) -> Sample:
        """Return a sample.

        Args:
            key: (epoch, index), as :class:`~pointnc.data.sampler.ResumableBatchSampler` yields it; a plain index
                means epoch 0.

        Raises:
            UserError: the scene is damaged, has no points, NaN, labels outside the label set or, for training,
                none; or it lacks a feature.
        """
        (number, rng), *partners = self.plan(key)
        scene = self.transforms(self.source(number, rng), rng)
        for partner, own in partners:
            scene = mix(scene, self.transforms(self.source(partner, own), own))
        return make_sample(scene, self.features, self.voxel_size, self.representative, rng, self.full_resolution)

    def plan(self, key: Key | int) -> list[tuple[int, np.random.Generator]]:
        """Return the scenes that make a sample, each with the generator of its transforms.

        It is known before any scene is read, and each scene's randomness does not depend on what another's
        transforms drew: so they can be drawn in one place and applied in another
        (:mod:`pointnc.data.device`). The first scene's generator goes on to the voxels.
        """
        epoch, index = (0, key) if isinstance(key, int) else key
        entropy = [self.seed, 0 if self.full_resolution else epoch, index]
        rng = np.random.default_rng(entropy)
        scenes = [(index, rng)]
        if self.mix_probability > 0 and rng.random() < self.mix_probability:
            # A partner other than the scene itself, as long as there is one.
            partner = (index + 1 + int(rng.integers(max(1, len(self.names) - 1)))) % len(self.names)
            scenes.append((partner, np.random.default_rng([*entropy, 1])))
        return scenes

    def source(self, number: int, rng: np.random.Generator) -> Scene:
        """Return what the transforms get: the ``number``-th scene, with what is inserted into it.

        Raises:
            UserError: see :meth:`__getitem__`.
        """
        scene = self.scene(number)
        return scene if self.insertion is None else self.insertion(scene, rng)

    def scene(self, number: int) -> Scene:
        """Return the ``number``-th scene of the split, checked, its arrays read-only maps of the files.

        Raises:
            UserError: see :meth:`__getitem__`.
        """
        name = self.names[number]
        scene = self.store.load(self.split, name, self.taxonomy.segment)
        # Plain views of the maps: arithmetic on the memmap class would hand that class on.
        scene = scene.replace(**{key: np.asarray(value) for key, value in scene.arrays().items()}).validate()
        check_features(scene, self.features)
        self.taxonomy.check_labels(scene)
        self.store.check_counts(self.split, scene, self.taxonomy)
        if scene.semantic is None and not self.full_resolution:
            raise UserError(
                f"scene {name} has no {self.taxonomy.segment}.npy; prepare the store with labels to train on it",
                code="no-labels",
            )
        if scene.coord.dtype != np.float32:
            # World coordinates of another tool's store: centered before they lose digits.
            origin = scene.coord.min(axis=0).astype(np.float64)
            scene = scene.replace(coord=(scene.coord - origin).astype(np.float32), origin=scene.origin + origin)
        return scene
