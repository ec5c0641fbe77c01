"""Scenes for the tests of the viewer: the furnished room with a prediction that is wrong in places."""

from functools import lru_cache

import numpy as np

from pointnc.viewer.labeled_scene import LabeledScene
from tests.helpers.synthetic_room import corrupted, synthetic_room


@lru_cache
def room(spacing: float = 0.09, seed: int = 0, name: str = "scene0000_00") -> LabeledScene:
    """About 15,000 points; confidence is low where the prediction is wrong."""
    scene, classes = synthetic_room(spacing, seed)
    prediction = corrupted(scene, classes, seed + 1)
    rng = np.random.default_rng(seed)
    sure = np.where(prediction == scene.semantic, rng.uniform(0.7, 1, len(scene)), rng.uniform(0.1, 0.6, len(scene)))
    return LabeledScene(scene.replace(name=name), classes, prediction, sure.astype(np.float32))
