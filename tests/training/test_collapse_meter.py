"""The meter sees every point once, though features belong to voxels; validation logs what it found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from data_prep.scannet.preparation import prepare
from pointnc.benchmarks.scannet import taxonomy
from pointnc.collapse import NearestCenter
from pointnc.data.batch import VoxelBatch, collate
from pointnc.data.dataset import SceneDataset
from pointnc.models.heads import CosineHead
from pointnc.models.segmentor import SegmentorOutput
from pointnc.scenes.store import SceneStore
from pointnc.scenes.taxonomy import Taxonomy
from pointnc.training.collapse_meter import CollapseMeter, classifier_vectors, voxel_labels
from pointnc.training.run import train
from pointnc.weights.checkpoint import read_checkpoint
from tests.helpers.synthetic import write_raw_root
from tests.oracles.collapse import slow_measures
from tests.training.test_run import configure

GROUPED = Taxonomy.from_dict({"names": list("abcdef"), "groups": ["head", "head", "common", "common", "tail", "tail"]})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    prepare(write_raw_root(root / "raw", train=2, val=2), root / "store", workers=1)
    return root / "store"


def random_batch(seed: int, voxels: int = 40, points: int = 300) -> VoxelBatch:
    generator = torch.Generator().manual_seed(seed)
    segment = torch.randint(-1, 6, (voxels,), generator=generator)
    inverse = torch.randint(0, voxels, (points,), generator=generator)
    truth = torch.where(
        torch.rand(points, generator=generator) < 0.6, segment[inverse], torch.randint(-1, 6, (points,))
    )
    empty = torch.empty(0)
    return VoxelBatch(
        empty, empty, segment, empty, ["a"], inverse=inverse, point_segment=truth,
        point_offsets=torch.tensor([0, points]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_pairs_of_voxel_and_class_say_every_labeled_point(seed: int) -> None:
    batch = random_batch(seed)
    voxel, label, points = voxel_labels(batch, 6)
    assert batch.inverse is not None and batch.point_segment is not None
    wanted = np.zeros((40, 6), int)
    for v, k in zip(batch.inverse.tolist(), batch.point_segment.tolist()):
        if k >= 0:
            wanted[v, k] += 1
    found = np.zeros((40, 6), int)
    found[voxel, label] = points
    np.testing.assert_array_equal(found, wanted)
    assert len(voxel) == np.count_nonzero(wanted)


def test_meter_equals_the_definitions_over_points() -> None:
    generator = torch.Generator().manual_seed(0)
    head = torch.nn.Linear(8, 6)
    centers = torch.randn(6, 8, generator=generator)
    meter = CollapseMeter(GROUPED, NearestCenter(centers, torch.ones(6, dtype=torch.bool)))
    features, labels, predictions = [], [], []
    for seed in range(3):
        batch = random_batch(seed)
        assert batch.inverse is not None and batch.point_segment is not None
        vectors = torch.randn(40, 8, generator=generator)
        output = SegmentorOutput(vectors, head(vectors).detach())
        meter.update(output, batch)
        features.append(vectors[batch.inverse])
        labels.append(batch.point_segment)
        predictions.append(output.logits.argmax(1)[batch.inverse])
    found = meter.compute(torch.nn.ModuleDict({"head": head}))
    arrays = [torch.cat(part).double().numpy() for part in (features, labels)]
    classifier, prediction = head.weight.detach().double().numpy(), torch.cat(predictions).numpy()
    for group, members in (("all", None), ("head", [0, 1]), ("common", [2, 3]), ("tail", [4, 5])):
        wanted = slow_measures(*arrays, classifier, prediction, centers.double().numpy(), members)
        assert found[group] == pytest.approx(wanted, rel=1e-5), group


def test_a_run_keeps_the_measures(store: Path, tmp_path: Path) -> None:
    often = ("trainer.max_epochs=2", "trainer.check_val_every_n_epoch=1")
    run = train(configure(store, tmp_path / "run", *often, "refit=none"))
    collapse = json.loads((run / "metrics.json").read_text())["collapse"]
    seen = SceneStore(store).histogram("val", taxonomy("scannet200")) > 0
    assert len(collapse["classes_without_points"]) == 200 - seen.sum()
    assert set(collapse["all"]) >= {"nc1", "center_equinorm", "classifier_max_angle", "nc3", "nc4"}
    assert 0 <= collapse["all"]["nc4"] <= 1 and 0 <= collapse["all"]["nc3"] <= 4
    curves = read_checkpoint(run).data["callbacks"]["History"]["curves"]
    assert len(curves["val/nc1"]) == len(curves["val/miou"]) == 2
    assert "val/nc1_head" in curves
    # The best epoch's validation again: same weights, same bank, same scenes.
    best = max(range(2), key=lambda epoch: curves["val/miou"][epoch][1])
    assert collapse["all"]["nc1"] == pytest.approx(curves["val/nc1"][best][1], rel=1e-5)
    assert collapse["all"]["nc4"] == pytest.approx(curves["val/nc4"][best][1], rel=1e-5)


def test_measures_can_be_switched_off(store: Path, tmp_path: Path) -> None:
    run = train(configure(store, tmp_path / "run", "trainer.max_epochs=1", "measure_collapse=false"))
    assert "collapse" not in json.loads((run / "metrics.json").read_text())
    assert not any("nc1" in name for name in read_checkpoint(run).data["callbacks"]["History"]["curves"])


def test_a_scene_at_full_resolution(store: Path) -> None:
    dataset = SceneDataset(SceneStore(store), "val", taxonomy("scannet200"), ("color",), 0.1, full_resolution=True)
    batch = collate([dataset[0], dataset[1]])
    _, _, points = voxel_labels(batch, 200)
    assert batch.point_segment is not None
    assert int(points.sum()) == int((batch.point_segment >= 0).sum())


def test_lengths_that_are_in_no_logit_are_in_no_measure() -> None:
    head = CosineHead(8, 5)
    vectors = classifier_vectors(nn.ModuleDict({"head": head}))
    with torch.no_grad():
        head.weight *= torch.arange(1.0, 6)[:, None]
    again = classifier_vectors(nn.ModuleDict({"head": head}))
    assert vectors is not None and again is not None and again.norm(dim=1).allclose(torch.ones(5))
    torch.testing.assert_close(again, vectors)
