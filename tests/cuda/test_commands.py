"""The other commands on the stand-in device, with what a training there has left."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pointnc.clouds import read_cloud
from pointnc.scenes.ply import write_ply
from pointnc.scenes.store import SceneStore
from tests.cuda.waits import Waits
from tests.helpers.commands import run

pytestmark = pytest.mark.slow


def test_evaluate(device_run: Path, tmp_path: Path, waits: Waits) -> None:
    run("pointnc.evaluate", f"checkpoint={device_run}", "tta=fast", "out=scores.json", folder=tmp_path)
    assert waits.kinds()["copy to the host"] > 0
    run("pointnc.evaluate", f"checkpoint={device_run}", "out=plain.json", folder=tmp_path)
    scores, trained = (json.loads(path.read_text()) for path in (tmp_path / "plain.json", device_run / "metrics.json"))
    assert scores["miou"] == pytest.approx(trained["miou"], abs=0.1)
    assert scores["overall_accuracy"] == pytest.approx(trained["overall_accuracy"], abs=0.5)


def test_predict(store: Path, device_run: Path, tmp_path: Path, waits: Waits) -> None:
    scenes = SceneStore(store)
    scene = scenes.load("val", scenes.scenes("val")[0]).select(np.arange(600))
    assert scene.color is not None and scene.normal is not None
    columns = dict(zip("xyz", scene.coord.T)) | dict(zip(("red", "green", "blue"), scene.color.T))
    write_ply(tmp_path / "a.ply", columns | dict(zip(("nx", "ny", "nz"), scene.normal.T)))
    tiled = ("max_points=400", "halo=0.2", "interpolation=fragments")
    run("pointnc.predict", f"checkpoint={device_run}", "input=a.ply", "out=labeled", *tiled, folder=tmp_path)
    cloud = read_cloud(tmp_path / "labeled" / "a.ply")
    confidence = cloud.attributes["confidence"]
    assert len(cloud.attributes["label"]) == len(scene) and ((confidence > 0) & (confidence <= 1)).all()
    assert waits.kinds()["copy to the host"] > 0


def test_submit(device_run: Path, tmp_path: Path, waits: Waits) -> None:
    run("pointnc.submit", f"checkpoint={device_run}", "out=a.zip", "split=val", "cache=cache", folder=tmp_path)
    assert (tmp_path / "a.zip").is_file() and waits.count > 0


@pytest.mark.parametrize("nearest", ["split", "bank"])
def test_analyze(nearest: str, device_run: Path, tmp_path: Path, waits: Waits) -> None:
    run(
        "pointnc.analyze", f"checkpoint={device_run}", "out=found", "permutations=9", f"nearest={nearest}",
        folder=tmp_path,
    )  # fmt: skip
    (network,) = json.loads((tmp_path / "found" / "analysis.json").read_text())["networks"]
    assert network["collapse"]["all"]["nc4"] <= 1 and np.isfinite(network["center_cosine"]).all()
    assert waits.count > 0


def test_visualize(device_run: Path, tmp_path: Path, waits: Waits) -> None:
    run("pointnc.visualize", f"checkpoint={device_run}", "limit=1", "html=a.html", folder=tmp_path)
    assert (tmp_path / "a.html").is_file() and waits.count > 0


def test_weights_are_exported_and_evaluated(store: Path, device_run: Path, tmp_path: Path, waits: Waits) -> None:
    run("pointnc.weights", f"export={device_run}", "out=bundle", "license=cc0-1.0", folder=tmp_path)
    run("pointnc.evaluate", "checkpoint=bundle", f"data_root={store}", "out=a.json", folder=tmp_path)
    assert (tmp_path / "a.json").is_file()
