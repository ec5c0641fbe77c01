"""Voxels to points against a plain loop."""

import numpy as np
import pytest
import torch

from pointnc.data.batch import collate, make_sample
from pointnc.errors import UserError
from pointnc.inference.labeler import label_points
from pointnc.scenes.scene import Scene


def scenes() -> list[Scene]:
    rng = np.random.default_rng(0)
    return [Scene(f"s{n}", rng.uniform(-1, 1, (n, 3)).astype(np.float32)) for n in (50, 1, 300)]


def test_every_point_gets_its_voxel_s_class() -> None:
    batch = collate([make_sample(scene, ["coord"], 0.3, full_resolution=True) for scene in scenes()])
    logits = torch.randn(len(batch), 7, generator=torch.Generator().manual_seed(0))
    labels = label_points(logits, batch)
    assert [len(label) for label in labels] == [50, 1, 300]
    for number, (scene, label) in enumerate(zip(scenes(), labels)):
        cells = np.floor(scene.coord / np.float32(0.3)).astype(int)
        cells -= cells.min(axis=0)
        rows = {tuple(row[1:]): i for i, row in enumerate(batch.coord.tolist()) if row[0] == number}
        for cell, value in zip(cells, label.tolist()):
            assert value == int(logits[rows[tuple(cell)]].argmax())


def test_training_batches_are_refused() -> None:
    batch = collate([make_sample(scene, ["coord"], 0.3) for scene in scenes()])
    with pytest.raises(UserError, match="full_resolution=true"):
        label_points(torch.zeros(len(batch), 2), batch)
