import numpy as np

from pointnc.reporting.camera import room_camera
from pointnc.reporting.visibility import point_spacing, visible_points
from tests.helpers.synthetic_room import rectangle, synthetic_room


def test_the_room_is_open_towards_the_camera():
    scene, taxonomy = synthetic_room(spacing=0.08)
    for view in ("oblique", "top", (20.0, 35.0)):
        eye = room_camera(scene.coord, view).eye
        seen = visible_points(scene.coord, scene.normal, eye)
        assert taxonomy.names.index("ceiling") not in scene.semantic[seen]
        walls = seen[scene.semantic[seen] == taxonomy.names.index("wall")]
        assert (((eye - scene.coord[walls]) * scene.normal[walls]).sum(1) > 0).all()
        floor = np.flatnonzero(scene.semantic == taxonomy.names.index("floor"))
        assert np.isin(floor, seen).mean() > 0.97


def test_the_ceiling_is_cut_without_normals_and_kept_on_demand():
    scene, taxonomy = synthetic_room(spacing=0.1)
    ceiling = np.flatnonzero(scene.semantic == taxonomy.names.index("ceiling"))
    eye = room_camera(scene.coord).eye
    assert not np.isin(ceiling, visible_points(scene.coord, None, eye)).any()
    assert np.isin(ceiling, visible_points(scene.coord, None, eye, ceiling_cut=0)).all()
    low = visible_points(scene.coord, None, eye, ceiling_cut=1.0)
    assert scene.coord[low, 2].max() < 1.05
    assert scene.coord[low, 2].max() > 0.9


def test_spacing_is_that_of_the_surface():
    rng = np.random.default_rng(0)
    for spacing in (0.01, 0.02, 0.04):
        coord, _ = rectangle(rng, (0, 0, 0), (3, 0.2, 1), (0, 2, 0.3), spacing)
        assert spacing / 1.5 < point_spacing(coord.astype(np.float32)) < spacing * 1.5


def test_specks_of_a_hidden_wall_are_wiped_away():
    rng = np.random.default_rng(0)
    coord, normal = rectangle(rng, (0, 0, 0), (3, 0, 0), (0, 3, 0), 0.02)
    normal = -normal.copy()
    noisy = rng.random(len(normal)) < 0.03
    normal[noisy] *= -1
    eye = np.array([1.5, 1.5, 8.0])
    assert len(visible_points(coord, normal, eye)) < 0.1 * noisy.sum()
    assert len(visible_points(coord, -normal, eye)) == (~noisy).sum()
