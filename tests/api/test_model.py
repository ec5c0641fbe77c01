"""A network in one object: what it says of arrays, scenes and files is what the commands say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pointnc
from pointnc.clouds import read_cloud
from pointnc.error_codes import ErrorCode
from pointnc.scenes.ply import write_ply
from tests.helpers.commands import run
from tests.helpers.mistakes import raises


@pytest.fixture(scope="module")
def model(finished: Path) -> pointnc.Model:
    return pointnc.load(finished / "run", accelerator="cpu")


@pytest.fixture(scope="module")
def scene(finished: Path) -> pointnc.Scene:
    return pointnc.SceneStore(finished / "store")["val"][0]


def test_arrays_tensors_scenes_and_folders_get_the_same_labels(
    model: pointnc.Model, scene: pointnc.Scene, finished: Path
) -> None:
    expected = model.predictor().predict(scene)
    result = model.predict(scene)
    np.testing.assert_array_equal(result.labels, expected.labels)
    np.testing.assert_array_equal(result.confidence, expected.confidence)
    folder = finished / "store" / "val" / scene.name
    given = [scene.coord.tolist(), scene.color], [torch.from_numpy(scene.coord.copy()), scene.color / 255]
    for coord, color in given:
        same = model.predict(coord, color=color, normal=scene.normal)
        assert (same.labels == result.labels).mean() > 0.999  # the origin moves, and with it the last bit
    np.testing.assert_array_equal(model.predict(str(folder)).labels, result.labels)
    np.testing.assert_allclose(model.probabilities(scene).max(axis=1), result.confidence, atol=1e-6)


def test_a_file_gets_the_labels_of_the_command(model: pointnc.Model, scene: pointnc.Scene, finished: Path) -> None:
    file = finished / "room.ply"
    coord = scene.coord + np.float32([500, -20, 3])
    coord[5] = np.nan
    color = np.asarray(scene.color)
    write_ply(file, {**dict(zip("xyz", coord.T)), **dict(zip(("red", "green", "blue"), color.T))})
    run("pointnc.predict", str(file), f"checkpoint={finished / 'run'}", "accelerator=cpu", folder=finished)
    written = read_cloud(finished / "labeled" / "room.ply").attributes
    result = model.predict(file)
    np.testing.assert_array_equal(result.ids, written["label"])
    np.testing.assert_allclose(result.confidence, written["confidence"], atol=1e-6)
    assert result.labels[5] == -1 and result.confidence[5] == 0 and (result.colors[5] == 0).all()
    assert any("1 points without finite coordinates get the label -1" in line for line in result.remarks)
    assert sum(result.counts().values()) == len(result) - 1
    assert result.names == model.names
    first = next(iter(result.counts()))
    assert first in repr(result)


def test_scores_are_those_of_the_command(model: pointnc.Model, finished: Path) -> None:
    run("pointnc.evaluate", f"checkpoint={finished / 'run'}", "out=api.json", "accelerator=cpu", folder=finished)
    said = json.loads((finished / "api.json").read_text())
    scenes = pointnc.SceneStore(finished / "store")["val"]
    scores = pointnc.evaluate(model, scenes)
    assert scores.miou == pytest.approx(said["miou"], abs=1e-9)
    some = list(scenes.labeled(model.taxonomy.segment))
    assert pointnc.evaluate(model, some, tta="none").miou == scores.miou
    assert pointnc.evaluate(model, scenes[0]).miou == pointnc.evaluate(model, scenes[:1]).miou
    assert f"mIoU {scores.miou:.2f}, head" in str(scores)
    wrong: Any
    for wrong in (finished / "store", "val", scenes.store):
        with raises("dtype", "SceneStore(PATH)['val']"):
            pointnc.evaluate(model, wrong)
    wrong = finished / "run"
    with raises("dtype", "pointnc.load(PATH)"):
        pointnc.evaluate(wrong, scenes)


def test_what_cannot_be_labeled_is_said_in_a_line(model: pointnc.Model, scene: pointnc.Scene, tmp_path: Path) -> None:
    coord = scene.coord
    mistakes: list[tuple[tuple[Any, ...], dict[str, Any], ErrorCode, list[str]]] = [
        ((coord[:, :2],), {}, "shape", ["coordinates", "(N, 3)"]),
        ((np.array([["a", "b", "c"]]),), {}, "dtype", ["coordinates"]),
        ((coord, scene.color[:5]), {}, "other-length", ["color", "5", str(len(coord))]),
        ((coord,), {"normal": scene.color[:, :2]}, "shape", ["normal", "(N, 3)"]),
        ((coord,), {"strength": scene.color}, "shape", ["strength", "(N,)"]),
        ((coord,), {"units": "inch"}, "option", ["units=inch"]),
        ((coord,), {"tta": "all"}, "option", ["tta=all", "full"]),
        ((np.full((4, 3), np.nan),), {}, "not-finite", ["4"]),
        ((np.empty((0, 3)),), {}, "no-points", []),
        ((tmp_path / "none.ply",), {}, "missing-file", ["none.ply"]),
        ((tmp_path,), {}, "missing-file", ["coord.npy"]),
        ((scene, scene.color), {}, "conflicting-settings", ["color"]),
    ]
    for arguments, options, code, facts in mistakes:
        with raises(code, *facts):
            model.predict(*arguments, **options)


def test_what_a_scene_lacks_is_made_up_and_said(model: pointnc.Model, scene: pointnc.Scene) -> None:
    bare = pointnc.Scene("bare", np.asarray(scene.coord))
    said = model.predict(bare)
    of_array = model.predict(scene.coord)
    assert (said.labels == of_array.labels).mean() > 0.999
    assert any("gray" in line for line in said.remarks) and any("gray" in line for line in of_array.remarks)


def test_no_run_and_no_scenes_are_said(finished: Path, model: pointnc.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished / "store")
    with raises("nothing-there", "runs"):
        pointnc.load()
    with raises("nothing-there"):
        pointnc.evaluate(model, [])
    assert str(len(model.taxonomy)) in repr(model)
