"""Tiles: every point inside once, complete surroundings, bounded size."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pointnc.inference.tiles import cut_tiles
from tests.helpers.mistakes import raises


@settings(max_examples=40, deadline=None)
@given(
    points=st.integers(1, 600),
    max_points=st.integers(150, 400),
    reach=st.floats(0, 1),
    width=st.floats(5, 30),
    seed=st.integers(0, 99),
)
def test_tiles_are_what_they_should_be(points: int, max_points: int, reach: float, width: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coord = (rng.random((points, 3)) * (width, 8, 1)).astype(np.float32)
    halo = np.array([reach, 0.5 * reach, 9])
    tiles = list(cut_tiles(coord, max_points, halo, smallest=0.1))
    everything = np.arange(points)
    visits = np.zeros(points, int)
    for tile in tiles:
        members, inside = everything[tile.points], everything[tile.inner_points()]
        assert len(members) <= max_points
        assert (np.diff(members) > 0).all()
        assert len(inside) > 0
        visits[inside] += 1
        low, high = coord[inside].min(axis=0), coord[inside].max(axis=0)
        near = ((coord[:, :2] >= low[:2] - halo[:2]) & (coord[:, :2] <= high[:2] + halo[:2])).all(axis=1)
        if len(tiles) > 1:
            assert np.array_equal(np.flatnonzero(near), members)
    assert (visits == 1).all()
    assert (len(tiles) > 1) == (points > max_points)
    again = list(cut_tiles(coord, max_points, halo, smallest=0.1))
    assert all(np.array_equal(everything[a.points], everything[b.points]) for a, b in zip(tiles, again, strict=True))


def test_what_cannot_be_cut_is_named() -> None:
    heap = np.concatenate([np.zeros((50, 3)), np.full((5, 3), 9.0)]).astype(np.float32)
    with raises("too-dense", "50 points", "max_points=49"):
        list(cut_tiles(heap, 49, np.ones(3), smallest=0.1))
    assert len(list(cut_tiles(heap, 50, np.ones(3), smallest=0.1))) == 2
