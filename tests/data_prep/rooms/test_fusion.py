import numpy as np
import pytest

from data_prep.rooms.cameras import Camera, Poses, look
from data_prep.rooms.fusion import BEHIND, FRONT, fuse
from data_prep.rooms.meshing import compact, connected_pieces, extract
from data_prep.rooms.painting import paint
from data_prep.rooms.scan import reconstruct
from data_prep.rooms.scanner import Frames, Scanner, record
from pointnc.scenes.mesh import vertex_normals
from tests.oracles.fusion import fuse_slowly

from .small_room import small_room

VOXEL = 0.05


def plane_frames(distance: float = 2.0, noise: float = 0.0, tilts: tuple[float, ...] = (0.0,)) -> Frames:
    """Frames of the plane x = ``distance`` from the origin, turned by ``tilts`` radians about the vertical."""
    camera = Camera(80, 60, 60.0)
    yaw = np.array(tilts)
    poses = Poses(np.zeros((len(yaw), 3)), look(yaw, np.zeros(len(yaw))))
    direction = np.einsum("pij,rj->pri", poses.rotation, camera.rays)
    shape = (len(yaw), camera.height, camera.width)
    depth = (distance / direction[..., 0]).astype(np.float32).reshape(shape)
    depth += noise * np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    cosine = (direction[..., 0] / np.linalg.norm(direction, axis=-1)).astype(np.float32).reshape(shape)
    color = np.full((*shape, 3), (10, 120, 250), np.uint8)
    return Frames(camera, poses, depth, cosine, color, np.full(shape, 7, np.int16))


@pytest.fixture(scope="module")
def frames() -> Frames:
    return record(small_room(), Scanner(poses=12, width=96, height=72), np.random.default_rng(0))


def test_fusion_equals_the_definition(frames):
    volume = fuse(frames, VOXEL)
    distance, weight, doubtful = fuse_slowly(
        frames, volume.distance.shape, volume.origin, VOXEL, FRONT, BEHIND
    )  # fmt: skip
    worked_on = (volume.weight > 0) & ~doubtful
    assert worked_on.sum() > 20_000
    np.testing.assert_allclose(volume.weight[worked_on], weight[worked_on], rtol=1e-3, atol=1e-3)
    sure = worked_on & (weight > 0.01)
    np.testing.assert_allclose(volume.distance[sure], distance[sure], atol=5e-3)
    # What was left out lies away from every surface.
    left_out = (weight > 1e-3) & (volume.weight == 0) & ~doubtful
    assert np.abs(distance[left_out]).min() >= 2


def test_fusion_does_not_change_with_a_second_run(frames):
    first, second = fuse(frames, VOXEL), fuse(frames, VOXEL)
    np.testing.assert_array_equal(first.distance, second.distance)
    np.testing.assert_array_equal(first.weight, second.weight)


def test_frames_without_a_reading_are_an_error():
    blank = plane_frames()
    blank.depth[:] = 0
    with pytest.raises(ValueError, match="reading"):
        fuse(blank, VOXEL)


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("distance", [1.98, 2.0, 2.0125])
def test_a_plane_is_reconstructed_within_half_a_voxel_and_faces_the_camera(distance, noise):
    tilts = (-0.5, -0.3, 0.0, 0.2, 0.4) * (1 if noise == 0 else 4)
    vertices, faces = extract(fuse(plane_frames(distance, noise, tilts), VOXEL))
    assert len(vertices) > 500
    away = np.abs(vertices[:, 0] - distance)
    assert away.max() < VOXEL / 2 if noise == 0 else np.quantile(away, 0.99) < VOXEL / 2
    assert (vertex_normals(vertices, faces)[:, 0] < 0).mean() > 0.999


def test_what_no_frame_sees_is_a_hole():
    frames = plane_frames()
    vertices, _ = extract(fuse(frames, VOXEL))
    half_width = 2.0 * np.tan(np.radians(30))
    assert np.abs(vertices[:, 1]).max() < half_width + VOXEL
    assert np.abs(vertices[:, 2]).max() < 0.75 * half_width + VOXEL
    frames.depth[:, 20:40, 30:50] = 0  # a window of lost readings
    holed, faces = extract(fuse(frames, VOXEL))
    inside = (np.abs(holed[:, 1]) < 0.22) & (np.abs(holed[:, 2]) < 0.22)
    assert not inside.any()
    assert len(holed) < len(vertices)
    assert (connected_pieces(len(holed), faces) == 0).all()


def test_nothing_but_what_was_read_is_reconstructed(frames):
    """No phantom sheets: every vertex lies near a surface of the room, no triangle is degenerate."""
    vertices, faces, color, objects = reconstruct(frames, VOXEL)
    low, high = np.array([[item.mesh.bounds[i] for item in small_room().objects] for i in (0, 1)])
    outside = np.maximum(low - vertices[:, None], vertices[:, None] - high).max(axis=2)
    # Signed distance from the nearest of the boxes; the table is two.
    near = np.abs(outside[:, [0, 1, 2, 3, 4, 5, 7, 8]]).min(axis=1)
    table = (outside[:, 6] < VOXEL) & (objects == 6)
    assert np.quantile(near[~table], 0.99) < VOXEL
    corner = vertices[faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1) / 2
    assert area.min() > 1e-9
    assert len(np.unique(vertices, axis=0)) == len(vertices)
    np.testing.assert_array_equal(np.unique(faces), np.arange(len(vertices)))
    assert color.shape == (len(vertices), 3)


def test_normals_point_to_a_camera_that_saw_the_vertex(frames):
    vertices, faces, _, _ = reconstruct(frames, VOXEL)
    normals = vertex_normals(vertices, faces)
    facing = np.zeros(len(vertices), bool)
    height, width = frames.depth.shape[1:]
    for p in range(len(frames.depth)):
        x, y, w = ((vertices - frames.poses.position[p]) @ frames.poses.rotation[p]).T
        u, v = frames.camera.focal * x / w + width / 2, frames.camera.focal * y / w + height / 2
        inside = (w > 0.05) & (u >= 0) & (v >= 0) & (u < width) & (v < height)
        depth = frames.depth[p][np.where(inside, v, 0).astype(int), np.where(inside, u, 0).astype(int)]
        saw = inside & (depth > 0) & (np.abs(depth - w) < 3 * VOXEL)
        facing |= saw & (np.einsum("ij,ij->i", normals, frames.poses.position[p] - vertices) > 0)
    assert facing.mean() > 0.99


def test_paint_takes_color_and_object_from_the_frames_and_knows_phantoms():
    frames = plane_frames(2.0, 0.0, (-0.2, 0.0, 0.2))
    frames.object[1:] = 9
    vertices = np.array([[2.0, 0, 0], [2.02, 0.1, 0], [2.0, -0.1, 0.1], [2.2, 0, 0], [2, 0, 0]], np.float32)
    normals = np.array([[-1, 0, 0]] * 4 + [[1, 0, 0]], np.float32)
    seen = paint(vertices, normals, frames, VOXEL)
    np.testing.assert_array_equal(seen.color[:3], [[10, 120, 250]] * 3)
    np.testing.assert_array_equal(seen.object, [9, 9, 9, -1, -1])  # two frames against one
    np.testing.assert_array_equal(seen.views, [3, 3, 3, 0, 0])  # behind the surface, and facing away


def test_compact_drops_vertices_small_pieces_and_orphans():
    #  a strip of four triangles, one loose triangle, one vertex without any
    faces = np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4], [3, 5, 4], [6, 7, 8]], np.int32)
    keep = np.ones(10, bool)
    keep[0] = False
    kept, left = compact(faces, keep, smallest=4)
    np.testing.assert_array_equal(kept, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(left, [[0, 2, 1], [1, 2, 3], [2, 4, 3]])


def test_connected_pieces_equal_those_of_a_search():
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 60, (25, 3)).astype(np.int32)
    neighbors = {i: {i} for i in range(60)}
    for face in faces:
        for corner in face:
            neighbors[corner] |= set(face)
    expected = np.full(60, -1)
    for start in range(60):
        front = [start] if expected[start] < 0 else []
        while front:
            i = front.pop()
            if expected[i] < 0:
                expected[i] = start
                front.extend(neighbors[i])
    np.testing.assert_array_equal(connected_pieces(60, faces), expected)
