"""Counting labels against the truth."""

import numpy as np
import pytest

from pointnc.benchmarks.scannet import taxonomy
from pointnc.evaluation.counting import Tally, tally
from pointnc.scenes.scene import Scene
from pointnc.sharing import Work
from tests.helpers.mistakes import raises


@pytest.mark.parametrize("label", [-7, 20])
def test_truth_outside_the_label_set_is_refused_by_name(label: int) -> None:
    scene = Scene("room7", np.zeros((3, 3), np.float32), semantic=np.array([0, -1, label], np.int16))
    with raises("unknown-label", "scene room7", f"label {label}"):
        Tally(taxonomy("scannet20")).add(scene, np.zeros(3, np.int64))


@pytest.mark.parametrize(
    ("sparse", "mistake"),
    [
        ([[0], [1], [5]], None),
        ([[], [], []], None),
        ([[0], [1]], ("damaged-file", "scene room")),
        ([[0], [-1], [5]], ("damaged-file", "scene room")),
        ([[0], [99], [5]], ("damaged-file", "scene room")),
        ([[0], [1], [0.5]], ("damaged-file", "scene room")),
        ([["0"], [1], [1]], ("damaged-file", "scene room")),
        ([[0], [1], [10**30]], ("damaged-file", "scene room")),
        ({"a": 1}, ("damaged-file", "scene room")),
        (None, ("damaged-file", "scene room")),
        ([[0], [1], [6]], ("damaged-file", "scene room", "5 points")),
        ([[0, 1], [1, 1], [2**62, 2**62]], ("damaged-file", "scene room", "5 points")),
    ],
)
def test_counts_out_of_a_shard_are_checked(sparse: object, mistake: tuple[str, ...] | None) -> None:
    class Merged(Work):
        def do(self, function: object, description: str | None = None) -> dict[str, object]:
            return {"room": sparse}

    label_set = taxonomy("scannet20")
    if mistake is None:
        counted = tally(lambda name: pytest.fail("nothing is predicted"), label_set, Merged({"room": 5.0}))
        assert counted is not None and counted.total.sum() == sum(sparse[2])
        return
    with raises(*mistake):
        tally(lambda name: pytest.fail("nothing is predicted"), label_set, Merged({"room": 5.0}))
