"""The scan of a real room against brute force: labels, normals, annotation, alignment."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from data_prep.rooms.layout import make_room
from data_prep.rooms.recipes import nyu40
from data_prep.rooms.room import Room
from data_prep.rooms.scan import scan_room
from data_prep.rooms.scanner import Scanner
from data_prep.rooms.segments import over_segment
from data_prep.scannet.raw import RawScan, read_scan, write_scan
from pointnc.scenes.mesh import vertex_normals

from .small_room import surface_samples

SCANNER = Scanner(poses=30, width=160, height=120, voxel_size=0.04)


def furnished() -> Room:
    return make_room("scene0000_00", np.random.default_rng(11))


@pytest.fixture(scope="module")
def room() -> Room:
    return furnished()


@pytest.fixture(scope="module")
def scan(room) -> RawScan:
    return scan_room(room, np.random.default_rng(12), SCANNER)


@pytest.fixture(scope="module")
def aligned(scan) -> np.ndarray:
    """The vertices in the room's frame."""
    return scan.coord @ scan.axis_alignment[:3, :3].T + scan.axis_alignment[:3, 3]


@pytest.fixture(scope="module")
def owner(scan) -> np.ndarray:
    """The annotated object of each vertex, -1 for none, from segments and groups alone."""
    table = np.full(scan.segment_ids.max() + 1, -1)
    for number, item in enumerate(scan.objects):
        table[list(item.segments)] = number
    return table[scan.segment_ids]


def test_the_mesh_is_clean(scan):
    assert len(scan.coord) > 10_000
    assert np.isfinite(scan.coord).all()
    assert len(np.unique(scan.coord, axis=0)) == len(scan.coord)
    np.testing.assert_array_equal(np.unique(scan.faces), np.arange(len(scan.coord)))
    corner = scan.coord[scan.faces].astype(float)
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    assert area.min() > 0
    assert scan.color.dtype == np.uint8 and scan.color.std() > 10


@pytest.fixture(scope="module")
def true_surface(room) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points on every surface of the room, 1 cm apart or less, their normals and objects."""
    return surface_samples(room, 1_000_000, np.random.default_rng(0))


@pytest.fixture(scope="module")
def nearest(true_surface, aligned) -> tuple[np.ndarray, np.ndarray]:
    """Distance and number of the point of the true surface that is nearest to each vertex, by search."""
    return cKDTree(true_surface[0]).query(aligned)


def test_labels_are_those_of_the_surface_that_was_hit(room, scan, aligned, true_surface, nearest):
    distance, index = nearest
    names, label_of = np.unique([item.label for item in room.objects], return_inverse=True)
    point, truth = true_surface[0], label_of[true_surface[2]]
    assert np.quantile(distance, 0.99) < SCANNER.voxel_size

    group = np.full(scan.segment_ids.max() + 1, -1)
    for item in scan.objects:
        group[list(item.segments)] = np.searchsorted(names, item.label)
    label = group[scan.segment_ids]
    assert (label == truth[index]).mean() > 0.97

    # Where no surface of another class lies within two voxels of the vertex there is nothing to confuse: cells of
    # two voxels, the classes in each, and those in the 26 cells around it.
    low = np.minimum(point.min(axis=0), aligned.min(axis=0)) - 1e-3
    cell, home = (np.floor((at - low) / (2 * SCANNER.voxel_size)).astype(int) for at in (point, aligned))
    present = np.zeros((len(names), *(np.maximum(cell.max(axis=0), home.max(axis=0)) + 1)), bool)
    present[truth, cell[:, 0], cell[:, 1], cell[:, 2]] = True
    around = maximum_filter(present, size=(1, 3, 3, 3), mode="constant").sum(axis=0)
    alone = around[home[:, 0], home[:, 1], home[:, 2]] == 1
    assert alone.mean() > 0.3
    np.testing.assert_array_equal(label[alone], truth[index][alone])


def test_normals_point_to_the_side_the_cameras_were_on(room, scan, aligned, true_surface, nearest):
    index = nearest[1]
    normal, outward = vertex_normals(aligned, scan.faces), true_surface[1][index]
    agree = np.einsum("ij,ij->i", normal, outward) > 0
    # Of a board thinner than a voxel the nearest side is often the other one; of the walls it never is.
    assert agree.mean() > 0.95
    labels = np.array([item.label for item in room.objects])[true_surface[2][index]]
    for label in ("wall", "floor", "ceiling"):
        assert (labels == label).sum() > 1000
        assert agree[labels == label].mean() > 0.99
    assert (normal[labels == "floor", 2] > 0).mean() > 0.99
    assert (normal[labels == "ceiling", 2] < 0).mean() > 0.99


def test_groups_and_segments_fit_together(room, scan, owner):
    present = set(np.unique(scan.segment_ids).tolist())
    assert present == set(range(len(present)))
    listed = [segment for item in scan.objects for segment in item.segments]
    assert len(listed) == len(set(listed))
    assert set(listed) <= present
    assert all(item.segments for item in scan.objects)
    assert (owner >= 0).mean() > 0.97
    wanted = [item.label for item in room.objects]
    for label in {item.label for item in scan.objects}:
        assert sum(item.label == label for item in scan.objects) <= wanted.count(label)
    assert len(scan.objects) > 0.7 * len(room.objects)
    sizes = np.bincount(scan.segment_ids)
    assert 20 < np.average(sizes) < 2000


def test_nyu40_ids_follow_the_annotation(scan, owner):
    ids = nyu40()
    table = np.array([*(ids[item.label] for item in scan.objects), 0])
    np.testing.assert_array_equal(scan.nyu40, table[owner])


def test_alignment_turns_the_walls_back_to_the_axes(room, scan, aligned):
    rotation = scan.axis_alignment[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
    np.testing.assert_array_equal(scan.axis_alignment, scan.axis_alignment.round(6))
    ids = nyu40()
    wall = scan.nyu40 == ids["wall"]
    assert wall.sum() > 1000
    tilt = np.abs(vertex_normals(aligned, scan.faces)[wall]).max(axis=1)
    raw = np.abs(vertex_normals(scan.coord, scan.faces)[wall]).max(axis=1)
    assert (tilt > 0.95).mean() > 0.8
    assert (raw > 0.95).mean() < 0.2
    gap = np.min([*np.abs(aligned[wall, :2]).T, *np.abs(aligned[wall, :2] - room.size[:2]).T], axis=0)
    assert np.median(gap) < 0.01


def test_a_scan_survives_the_raw_layout(scan, tmp_path):
    write_scan(scan, tmp_path / scan.name, {"sceneType": "office"})
    back = read_scan(tmp_path / scan.name)
    for key in ("coord", "color", "faces", "axis_alignment", "segment_ids", "nyu40"):
        np.testing.assert_array_equal(getattr(back, key), getattr(scan, key), err_msg=key)
    assert back.objects == scan.objects


def test_equal_seeds_give_equal_scans_and_others_do_not():
    coarse = replace(SCANNER, width=64, height=48, voxel_size=0.1)
    first, again, other = (scan_room(furnished(), np.random.default_rng(seed), coarse) for seed in (1, 1, 2))
    for key in ("coord", "color", "faces", "segment_ids", "nyu40", "axis_alignment"):
        np.testing.assert_array_equal(getattr(first, key), getattr(again, key))
    assert first.coord.shape != other.coord.shape or (first.coord != other.coord).any()


def test_over_segments_follow_edges_and_never_cross_objects():
    """A sheet of 30 x 60 vertices, folded in the middle, with a patch of another object and noise."""
    rng = np.random.default_rng(0)
    row, column = (grid.ravel() for grid in np.mgrid[:30, :60])
    normals = np.where(column[:, None] < 30, [0.0, 0, 1], [1.0, 0, 0]) + rng.normal(0, 0.02, (1800, 3))
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    corner = (np.arange(29)[:, None] * 60 + np.arange(59)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 60, corner + 1], 1), np.stack([corner + 1, corner + 60, corner + 61], 1)]
    ).astype(np.int32)
    objects = np.where((row < 10) & (column < 10), 4, 2).astype(np.int16)
    segments = over_segment(normals, faces, objects)
    part = np.where(objects == 4, 0, np.where(column < 30, 1, 2))
    assert len(np.unique(segments)) == 3
    assert len(np.unique(segments * 3 + part)) == 3
