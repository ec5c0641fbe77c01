"""What is packed for the page comes out again, and says what it should."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointnc.scenes import Scene
from pointnc.viewer.labeled_scene import LabeledScene
from pointnc.viewer.payload import FINEST, fold_normals, mean_normals, pack, quantize, to_planes, unpack
from tests.helpers.mistakes import raises
from tests.viewer.rooms import room


def unfold(stored: np.ndarray) -> np.ndarray:
    """Octahedral coordinates back to unit vectors, as the shader does it."""
    p = stored / 127.5 - 1
    n = np.column_stack([p, 1 - np.abs(p).sum(axis=1)])
    below = n[:, 2] < 0
    n[below, :2] = ((1 - np.abs(p[:, ::-1])) * np.where(p < 0, -1, 1))[below]
    return n / np.linalg.norm(n, axis=1, keepdims=True)


def test_all_columns_come_back() -> None:
    labeled = room()
    payload = pack(labeled)
    columns = unpack(payload)
    scene = labeled.scene
    coord = columns["position"] * payload.header["step"] + np.array(payload.header["low"])
    np.testing.assert_allclose(coord, scene.coord, atol=payload.header["step"])
    assert payload.header["step"] < 2e-4
    np.testing.assert_array_equal(columns["color"], scene.color)
    K = len(labeled.taxonomy)
    np.testing.assert_array_equal(columns["truth"], np.where(scene.semantic < 0, K, scene.semantic))
    np.testing.assert_array_equal(columns["prediction"], labeled.prediction)
    np.testing.assert_allclose(columns["confidence"] / 255, labeled.confidence, atol=0.5 / 255)
    assert "number" not in columns
    assert len(payload.block) < 16 * len(scene)


def test_figures_are_those_of_the_scoring() -> None:
    labeled = room()
    figures = pack(labeled).header["figures"]
    truth, prediction = np.asarray(labeled.scene.semantic), labeled.prediction
    scored = truth >= 0
    for k in (0, 2, labeled.taxonomy.names.index("chair")):
        both = (truth == k) & (prediction == k)
        either = ((truth == k) | (prediction == k)) & scored
        assert figures["iou"][k] == pytest.approx(100 * both.sum() / either.sum())
        assert figures["truth"][k] == (truth == k).sum()
        assert figures["prediction"][k] == (prediction == k).sum()
    assert figures["truth"][-1] == (~scored).sum()
    right = (truth == prediction)[scored]
    assert figures["verdicts"] == (right.sum(), (~right).sum(), (~scored).sum())
    assert figures["accuracy"] == pytest.approx(100 * right.mean())
    absent = labeled.taxonomy.names.index("piano")
    assert figures["iou"][absent] is None


@given(
    st.integers(1, 40), st.integers(1, 3), st.sampled_from(["uint8", "uint16", "uint32", "float32"]), st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
def test_planes_hold_the_bytes(count: int, width: int, dtype: str, seed: int) -> None:
    column = (
        np.random.default_rng(seed).integers(0, 255, (count, width * np.dtype(dtype).itemsize), np.uint8).view(dtype)
    )
    planes = to_planes(column)
    raw = column.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
    size = np.dtype(dtype).itemsize
    for i in range(count):
        for w in range(width):
            for b in range(size):
                assert planes[w, b, i] == raw[(i * width + w) * size + b]


def test_normals_survive_the_octahedron() -> None:
    normal = np.random.default_rng(0).normal(size=(5000, 3))
    normal = np.concatenate([normal, np.eye(3), -np.eye(3)])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    back = unfold(fold_normals(normal))
    angle = np.degrees(np.arccos(np.clip((back * normal).sum(axis=1), -1, 1)))
    assert angle.max() < 1.2


def test_mean_normals_even_out_noise_but_keep_boards_apart() -> None:
    rng = np.random.default_rng(0)
    wall = np.column_stack([rng.uniform(0, 2, (4000, 2)), rng.normal(0.05, 0.003, 4000)])
    noisy = np.array([0, 0, 1]) + rng.normal(0, 0.3, (4000, 3))
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    mean = mean_normals(wall, noisy)
    assert mean[:, 2].min() > 0.75
    assert np.abs(mean[:, :2]).max() < 0.4
    board = np.concatenate([wall[:2000], wall[:2000] + [0, 0, 0.01]])
    sides = np.repeat([[0, 0, -1.0], [0, 0, 1.0]], 2000, axis=0)
    np.testing.assert_array_equal(mean_normals(board, sides), sides)


def test_large_scenes_keep_float_positions() -> None:
    coord = np.array([[0, 0, 0], [500, 2, 3], [12.3456, 7.8, 9.1]], np.float32)
    low, position, step = quantize(coord)
    assert position.dtype == np.float32
    np.testing.assert_allclose(position * step + low, coord, atol=1e-4)
    _, position, step = quantize(coord[1:] / 10)
    assert position.dtype == np.uint16
    assert step <= FINEST


def test_one_point_and_no_extras() -> None:
    labeled = LabeledScene(Scene("dot", np.zeros((1, 3), np.float32)), room().taxonomy)
    payload = pack(labeled)
    assert payload.header["layers"] == ["color"]
    assert list(unpack(payload)) == ["position"]


def test_thinning_keeps_the_numbers_of_the_points() -> None:
    labeled = room()
    thin = labeled.thinned(1000)
    assert 900 <= len(thin.scene) <= 1000
    number = unpack(pack(thin))["number"]
    np.testing.assert_array_equal(labeled.scene.coord[number], thin.scene.coord)
    np.testing.assert_array_equal(labeled.prediction[number], thin.prediction)
    assert labeled.thinned(len(labeled.scene)) is labeled


def test_labels_outside_the_classes_are_refused() -> None:

    labeled = room()
    wrong = np.array(labeled.prediction)
    wrong[7] = 200
    with raises("unknown-label", "label 200", "200 classes", "scannet200"):
        replace(labeled, prediction=wrong).validate()
    with raises("other-length", "5 labels"):
        replace(labeled, prediction=wrong[:5]).validate()
