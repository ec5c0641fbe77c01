"""Small scenes and stores."""

import numpy as np
import pytest

from pointnc.scenes import Scene, SceneStore, Taxonomy
from pointnc.scenes.writing import write_scene


@pytest.fixture
def make_scene():
    """Return a maker of box-shaped scenes whose arrays are read-only and whose labels number the points."""

    def make(N=500, seed=0, name="box"):
        rng = np.random.default_rng(seed)
        coord = (rng.random((N, 3)) * (4, 3, 2.5) + (1, -2, 0.3)).astype(np.float32)
        normal = rng.standard_normal((N, 3))
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        color = rng.integers(20, 200, (N, 3)).astype(np.uint8)
        scene = Scene(name, coord, color, normal.astype(np.float32), np.arange(N), np.arange(N))
        for array in scene.arrays().values():
            array.setflags(write=False)
        return scene

    return make


@pytest.fixture
def taxonomy():
    return Taxonomy.from_dict({"name": "four", "names": ["wall", "floor", "chair", "lamp"], "segment": "segment4"})


@pytest.fixture
def make_store(tmp_path, make_scene):
    """Return a maker of stores without a manifest: ``scenes`` boxes, one of them changed by ``arrays``."""

    def make(scenes=5, N=300, split="train", **arrays):
        for number in range(scenes):
            scene = make_scene(N + 10 * number, number)
            rng = np.random.default_rng(number)
            content = {key: scene.arrays()[key] for key in ("coord", "color", "normal")}
            content["segment4"] = rng.integers(-1, 4, len(scene))
            content["instance"] = rng.integers(-1, 9, len(scene))
            content["strength"] = rng.random((len(scene), 1), np.float32)
            if number == 0:
                content.update(arrays)
            content = {key: value for key, value in content.items() if value is not None}
            write_scene(tmp_path / split / f"scene{number}", content)
        return SceneStore(tmp_path)

    return make
