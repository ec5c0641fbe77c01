import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pointnc.data import voxels as module
from pointnc.data.voxels import MAX_EXTENT, Voxels, voxelize
from tests.helpers.mistakes import raises
from tests.oracles.voxels import unique_rows, voxel_lists

KEYS = ("grid", "index", "inverse")
clouds = arrays(
    np.float32,
    st.tuples(st.integers(1, 60), st.just(3)),
    elements=st.floats(-50, 50, width=32),
    fill=st.just(np.float32(-0.5)),
)
sizes = st.sampled_from([0.02, 0.05, 0.5, 7.0, 200.0])


def assert_equals_definition(coord, size, voxels):
    expected = voxel_lists(coord, size)
    assert [tuple(row) for row in voxels.grid.tolist()] == list(expected)
    assert voxels.index.tolist() == [points[0] for points in expected.values()]
    for number, points in enumerate(expected.values()):
        assert np.flatnonzero(voxels.inverse == number).tolist() == points
    assert [voxels.grid.dtype, voxels.index.dtype, voxels.inverse.dtype] == [np.int32, np.int64, np.int64]


@settings(deadline=None, max_examples=60)
@given(clouds, sizes)
def test_voxels_equal_the_definition(coord, size):
    assert_equals_definition(coord, size, voxelize(coord, size))


@pytest.mark.parametrize("spacing", [0.007, 0.02, 0.08, 0.64, 655.36])
@pytest.mark.parametrize("N", [1, 2, 63, 20_000])
def test_large_clouds_equal_unique_rows(N, spacing):
    # Spacings from several points a voxel to voxels that are alone in their blocks of the hash table.
    cells = np.random.default_rng(N).integers(-30, 30, (N, 3))
    coord = (cells * spacing + 0.001).astype(np.float32)
    voxels = voxelize(coord, 0.02)
    grid, index, inverse = unique_rows(coord, 0.02)
    order = np.argsort(index)
    np.testing.assert_array_equal(voxels.grid, grid[order])
    np.testing.assert_array_equal(voxels.index, index[order])
    np.testing.assert_array_equal(order[voxels.inverse], inverse)


def test_extreme_positions():
    far = np.float32(0.02) * np.array([[0, 0, 0], [MAX_EXTENT - 2, 0, 5], [0, MAX_EXTENT - 2, MAX_EXTENT - 2]])
    for coord in (far, -far, np.full((4, 3), 1e-30), np.full((3, 3), -1e-30), np.full((2, 3), 3e6)):
        coord = coord.astype(np.float32)
        assert_equals_definition(coord, 0.02, voxelize(coord, 0.02))


def test_order_of_memory_does_not_matter():
    coord = np.random.default_rng(0).random((200, 3)).astype(np.float32)
    for other in (np.asfortranarray(coord), np.repeat(coord, 2, axis=0)[::2], coord.astype(np.float64)):
        for key in KEYS:
            np.testing.assert_array_equal(getattr(voxelize(other, 0.1), key), getattr(voxelize(coord, 0.1), key))


@settings(deadline=None, max_examples=40)
@given(clouds, sizes, st.integers(0, 2**32))
def test_random_representative_is_the_drawn_one_of_its_voxels_points(coord, size, seed):
    first = voxelize(coord, size)
    drawn = voxelize(coord, size, "random", np.random.default_rng(seed))
    np.testing.assert_array_equal(drawn.inverse[drawn.index], np.arange(len(drawn)))
    np.testing.assert_array_equal(drawn.grid, first.grid)
    counts = first.counts()
    places = np.cumsum(counts) - counts + (np.random.default_rng(seed).random(len(counts)) * counts).astype(np.int64)
    np.testing.assert_array_equal(drawn.index, np.argsort(first.inverse, kind="stable")[places])


def test_random_representative_is_uniform():
    # 4,000 voxels of 5 points each: every place among the five is drawn 800 ± 25 times.
    coord = np.repeat(np.arange(4000, dtype=np.float32), 5)[:, None] * np.ones(3, np.float32)
    voxels = voxelize(coord, 1.0, "random", np.random.default_rng(1))
    draws = np.bincount(voxels.index % 5, minlength=5)
    assert draws.sum() == 4000
    assert np.abs(draws - 800).max() < 130


def test_counts_sum_to_points():
    voxels = voxelize(np.random.default_rng(3).random((300, 3)).astype(np.float32), 0.2)
    assert voxels.counts().sum() == 300
    assert voxels.counts().min() >= 1
    assert len(voxels) == len(voxels.grid)


def test_mistakes_are_named():
    good = np.zeros((3, 3), np.float32)
    wide = good.copy()
    wide[1, 2] = 0.02 * (MAX_EXTENT + 5)
    with raises("too-far", "41943", "0.02", "voxel_size"):
        voxelize(wide, 0.02)
    with raises("too-far", "0.02", MAX_EXTENT):
        voxelize(good + np.float32(1e9), 0.02)
    for bad in (np.nan, np.inf, -np.inf):
        broken = good.copy()
        broken[2, 1] = bad
        with raises("not-finite", "NaN"):
            voxelize(broken, 0.02)
    with raises("no-points"):
        voxelize(good[:0], 0.02)
    for size in (0, -1.0, float("nan")):
        with raises("option", "voxel_size", size):
            voxelize(good, size)
    with pytest.raises(ValueError, match="generator"):
        voxelize(good, 0.02, "random")


@pytest.mark.parametrize("points", [50_000, 200_000])
@pytest.mark.parametrize("representative", ["first", "random"])
def test_memory_per_point(representative, points):
    import tracemalloc

    coord = np.random.default_rng(4).random((points, 3)).astype(np.float32) * 50
    voxelize(coord[:10], 0.02, representative, np.random.default_rng(0))
    tracemalloc.start()
    try:
        voxels = voxelize(coord, 0.02, representative, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(voxels, Voxels)
    assert len(voxels) > 0.99 * points  # the costliest case: hardly two points share a voxel
    # The result itself is 28 of these bytes.
    assert 28 * points < peak <= 40 * points


def test_draws_in_pieces_are_those_of_one_draw(monkeypatch):
    coord = np.random.default_rng(5).random((900, 3)).astype(np.float32)
    whole = voxelize(coord, 0.1, "random", np.random.default_rng(0))
    monkeypatch.setattr(module, "DRAWN_AT_ONCE", 7)
    pieces = voxelize(coord, 0.1, "random", np.random.default_rng(0))
    assert len(whole) > 70
    np.testing.assert_array_equal(pieces.index, whole.index)


def test_numba_is_loaded_only_when_it_is_used():
    program = "import sys, pointnc.data, pointnc.data.transforms; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
