"""Neighboring voxels against a loop over all pairs, and on arrangements counted by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from data_prep.scannet.preparation import prepare
from pointnc.analysis.adjacency import HALF, association, class_adjacency, voxel_adjacency
from pointnc.benchmarks.scannet import taxonomy
from pointnc.scenes.store import SceneStore
from tests.helpers.mistakes import raises
from tests.helpers.synthetic import write_raw_root


def slow_adjacency(grid: np.ndarray, label: np.ndarray, K: int) -> np.ndarray:
    counts = np.zeros((K, K), int)
    for i in range(len(grid)):
        for j in range(i):
            if np.abs(grid[i] - grid[j]).max() == 1 and label[i] >= 0 and label[j] >= 0:
                counts[label[i], label[j]] += 1
                counts[label[j], label[i]] += label[i] != label[j]
    return counts


@pytest.mark.parametrize("seed, extent", [(0, (4, 5, 6)), (1, (1, 9, 9)), (2, (12, 12, 12)), (3, (60, 1, 1))])
def test_equals_a_loop_over_all_pairs(seed: int, extent: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    cells = np.stack(np.unravel_index(rng.permutation(np.prod(extent))[:90], extent), 1).astype(np.int32)
    label = rng.integers(-1, 4, len(cells))
    counts = voxel_adjacency(cells, label, 4)
    np.testing.assert_array_equal(counts, slow_adjacency(cells, label, 4))
    assert counts.sum() > 0


def test_half_of_the_neighbors() -> None:
    assert len(HALF) == 13
    assert len({*HALF, *((-x, -y, -z) for x, y, z in HALF)}) == 26


def test_a_full_cube_by_hand() -> None:
    cube = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), 1).astype(np.int32)
    label = np.zeros(27, int)
    label[13] = 1  # the middle one touches all others
    counts = voxel_adjacency(cube, label, 3)
    assert counts[0, 1] == counts[1, 0] == 26
    assert counts[1, 1] == 0 and not counts[2].any()
    # Of 27 * 26 / 2 pairs those count that are one step apart: (7^3 - 27) / 2 ordered (3 + 2 * 2 offsets an axis).
    assert counts.sum() - 26 == (7**3 - 27) // 2
    assert not voxel_adjacency(cube[:0], label[:0], 3).any()
    assert not voxel_adjacency(cube, label - 5, 3).any()


def test_association_by_hand() -> None:
    counts = np.array([[900, 8, 0, 0], [8, 5, 2, 0], [0, 2, 0, 0], [0, 0, 0, 7]])
    found = association(counts)
    wanted = np.zeros((4, 4))
    wanted[0, 1] = wanted[1, 0] = 8 / math.sqrt(8 * 10)
    wanted[1, 2] = wanted[2, 1] = 2 / math.sqrt(10 * 2)
    np.testing.assert_allclose(found, wanted)
    assert counts[0, 0] == 900  # the counts are not written to
    only_each_other = association(np.array([[3, 4], [4, 1]]))
    np.testing.assert_allclose(only_each_other, [[0, 1], [1, 0]])


@pytest.mark.slow
def test_a_split_is_the_sum_of_its_scenes(tmp_path: Path) -> None:
    prepare(write_raw_root(tmp_path / "raw", train=2, val=1), tmp_path / "store", workers=1)
    store, labels = SceneStore(tmp_path / "store"), taxonomy("scannet200")
    counts = class_adjacency(store, "train", labels, 0.1)
    wall, floor = labels.names.index("wall"), labels.names.index("floor")
    assert counts[wall, floor] > 0
    single = [store.load("train", name, "segment200") for name in store.scenes("train")]
    cells = []
    for scene in single:
        grid = np.floor(np.asarray(scene.coord) / np.float32(0.1)).astype(int)
        _, first = np.unique(grid, axis=0, return_index=True)
        first.sort()
        cells.append(slow_adjacency(grid[first], np.asarray(scene.semantic)[first].astype(int), 200))
    np.testing.assert_array_equal(counts, sum(cells))
    for label in (-7, 200):
        path = store.root / "train" / store.scenes("train")[1] / "segment200.npy"
        spoilt = np.load(path)
        spoilt[5] = label
        np.save(path, spoilt)
        with raises("unknown-label", store.scenes("train")[1], f"label {label}"):
            class_adjacency(store, "train", labels, 0.1)
    for path in (tmp_path / "store").rglob("segment200.npy"):
        path.unlink()
    with raises("no-labels", "scene0000_00", "segment200.npy"):
        class_adjacency(store, "train", labels, 0.1)
