import sys

import matplotlib
import matplotlib.image
import numpy as np
import pytest

from pointnc.reporting import SceneView, montage, scene_pictures, write_png
from pointnc.reporting.colors import IGNORED, RIGHT, UNLABELED, WRONG, error_colors, label_colors
from pointnc.reporting.pictures import png_bytes
from pointnc.scenes import Scene, Taxonomy
from tests.helpers.synthetic_room import corrupted, synthetic_room

TAXONOMY = Taxonomy.from_dict({"names": ["a", "b"], "colors": [[1, 2, 3], [4, 5, 6]]})


def test_labels_take_the_colors_of_the_taxonomy():
    colors = label_colors(np.array([1, -1, 0], np.int16), TAXONOMY)
    assert colors.dtype == np.uint8
    assert colors.tolist() == [[4, 5, 6], list(UNLABELED), [1, 2, 3]]


def test_errors_are_red_except_where_nothing_is_scored():
    colors = error_colors(np.array([0, 1, 1, -1]), np.array([0, 0, -1, 1]))
    assert [tuple(color) for color in colors.tolist()] == [RIGHT, WRONG, IGNORED, WRONG]


@pytest.fixture(scope="module")
def view():
    scene, taxonomy = synthetic_room(spacing=0.08)
    return SceneView(scene, corrupted(scene, taxonomy)), taxonomy


def test_four_pictures_show_the_same_points(view):
    pictures = scene_pictures(*view, width=96, height=72)
    assert list(pictures) == ["Input", "Truth", "Prediction", "Error"]
    for picture in pictures.values():
        assert picture.shape == (72, 96, 4)
        assert np.array_equal(picture[..., 3], pictures["Input"][..., 3])
    same = scene_pictures(SceneView(view[0].scene, view[0].scene.semantic), view[1], 96, 72)
    assert np.array_equal(same["Truth"], same["Prediction"])
    assert not np.array_equal(pictures["Truth"], pictures["Prediction"])


def test_pictures_without_their_data_are_left_out(view):
    scene = view[0].scene
    bare = scene.replace(color=None, semantic=None, normal=None)
    assert list(scene_pictures(SceneView(bare, view[0].prediction), view[1], 48, 36)) == ["Prediction"]
    unlabeled = scene.replace(semantic=np.full(len(scene), -1))
    assert list(scene_pictures(SceneView(unlabeled, view[0].prediction), view[1], 48, 36)) == [
        "Input",
        "Prediction",
    ]


def test_accuracy_and_areas_of_a_scene():
    scene = Scene("s", np.zeros((5, 3), np.float32), semantic=np.array([0, 0, 1, -1, 1]))
    view = SceneView(scene, np.array([0, 1, 1, 1, 1]))
    assert view.accuracy == 75
    assert view.areas(np.arange(5)) == {1: 0.8, 0: 0.4}
    assert view.areas(np.array([0, 0, 0, 1])) == {0: 1.0, 1: 0.25}  # what is not seen is not named
    assert SceneView(scene.replace(semantic=None), view.prediction).accuracy is None
    assert SceneView(scene.replace(semantic=np.full(5, -1)), view.prediction).accuracy is None


def test_png_gives_back_the_picture(tmp_path, view):
    picture = scene_pictures(*view, width=48, height=36)["Input"]
    write_png(tmp_path / "a" / "picture.png", picture)
    read = matplotlib.image.imread(tmp_path / "a" / "picture.png")
    assert np.array_equal((read * 255).round().astype(np.uint8), picture)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["picture.png"]
    assert png_bytes(picture) == png_bytes(picture)


def test_montage_is_a_row_of_pictures_for_each_scene(view):
    backend, parameters = matplotlib.get_backend(), dict(matplotlib.rcParams)
    one = montage([view[0]], view[1], width=80, height=60, gap=10)
    two = montage([view[0], view[0]], view[1], width=80, height=60, gap=10)
    assert one.shape[1:] == (4 * 90, 3)
    assert two.shape[0] - one.shape[0] == 70
    heading = one.shape[0] - 70
    columns = one[:heading].min(axis=(0, 2)) < 200
    for column in range(4):  # a title stands over the middle of each picture
        assert columns[column * 90 + 40 : column * 90 + 60].any()
    assert np.array_equal(two[: len(one)], one)
    assert "matplotlib.pyplot" not in sys.modules or not matplotlib._pylab_helpers.Gcf.figs
    assert (matplotlib.get_backend(), dict(matplotlib.rcParams)) == (backend, parameters)
