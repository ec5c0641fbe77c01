"""The transforms of training on a device against those on the host."""

from __future__ import annotations

from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from pointnc.commands.entry import config_folder
from pointnc.data.batch import VoxelBatch, collate
from pointnc.data.dataset import SceneDataset
from pointnc.data.device import DevicePipeline
from pointnc.proof.subjects import Outcome
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy

LEAST = 0.998
"""Least share of voxels that must be the same: a point on the border of two may be rounded into either."""


def check_transforms(device: torch.device, store: Path, taxonomy: Taxonomy) -> list[Outcome]:
    """Return whether the device makes the batches that the host makes, by the recipes "light" and "scannet".

    Args:
        device: that transforms and voxelizes.
        store: of scenes with a split "train".
        taxonomy: its classes.
    """
    outcomes = []
    for recipe in ("light", "scannet"):
        node = OmegaConf.load(config_folder() / "augmentation" / f"{recipe}.yaml")
        dataset = SceneDataset(
            SceneStore(store), "train", taxonomy, ("color", "normal"), 0.05, instantiate(node.transforms), 0.0, "first"
        )
        pipeline = DevicePipeline(dataset)
        keys = [(0, 0), (0, 1)]
        host = collate([dataset[key] for key in keys])
        batch = pipeline.prepare(pipeline.collate([pipeline[key] for key in keys]).to(device)).to("cpu")
        voxels, features = agreement(batch, host)
        passed = voxels >= LEAST and features >= LEAST
        text = f"{voxels:.2%} of {len(host.coord):,} voxels are the host's, {features:.2%} of these with its features"
        figures = {"voxels": voxels, "features": features}
        outcomes.append(Outcome(f"device transforms, {recipe}", device.type, passed, text, figures))
    return outcomes


def agreement(ours: VoxelBatch, theirs: VoxelBatch) -> tuple[float, float]:
    """Return which share of all voxels both batches have, and which share of those has the same features and label."""
    mine, other = _rows(ours), _rows(theirs)
    common = mine.keys() & other.keys()
    if not common:
        return 0.0, 0.0
    first, second = (torch.tensor([rows[key] for key in common]) for rows in (mine, other))
    assert ours.segment is not None and theirs.segment is not None
    near = (ours.features[first] - theirs.features[second]).abs().amax(dim=1) <= 1e-4
    same = near & (ours.segment[first] == theirs.segment[second])
    return len(common) / len(mine.keys() | other.keys()), float(same.float().mean())


def _rows(batch: VoxelBatch) -> dict[tuple[int, ...], int]:
    """Return the row of each voxel, counted from its scene's lowest one."""
    coord: Tensor = batch.coord
    return {tuple(voxel): row for row, voxel in enumerate(coord.tolist())}
