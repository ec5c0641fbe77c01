"""Counting labels against the truth."""

import numpy as np
import pytest

from pointnc.benchmarks.scannet import taxonomy
from pointnc.errors import UserError
from pointnc.scenes.scene import Scene
from pointnc.training.evaluation import Tally


@pytest.mark.parametrize("label", [-7, 20])
def test_truth_outside_the_label_set_is_refused_by_name(label: int) -> None:
    scene = Scene("room7", np.zeros((3, 3), np.float32), semantic=np.array([0, -1, label], np.int16))
    with pytest.raises(UserError, match=f"scene room7 has label {label}"):
        Tally(taxonomy("scannet20")).add(scene, np.zeros(3, np.int64))
