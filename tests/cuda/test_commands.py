"""The other commands on the stand-in device, with what a training there has left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pointnc.clouds import read_cloud
from pointnc.scenes.ply import write_ply
from pointnc.scenes.store import SceneStore
from tests.commands import run
from tests.cuda.waits import Waits


def test_evaluate(device_run: Path, tmp_path: Path, waits: Waits) -> None:
    run("pointnc.evaluate", f"checkpoint={device_run}", "tta=fast", "out=scores.json", folder=tmp_path)
    assert waits.kinds()["copy to the host"] > 0
    run("pointnc.evaluate", f"checkpoint={device_run}", "out=plain.json", folder=tmp_path)
    scores, trained = (json.loads(path.read_text()) for path in (tmp_path / "plain.json", device_run / "metrics.json"))
    assert scores["miou"] == pytest.approx(trained["miou"], abs=0.1)
    assert scores["overall_accuracy"] == pytest.approx(trained["overall_accuracy"], abs=0.5)


@pytest.mark.parametrize("interpolation", ["nearest", "fragments"])
def test_predict(interpolation: str, store: Path, device_run: Path, tmp_path: Path, waits: Waits) -> None:
    scenes = SceneStore(store)
    scene = scenes.load("val", scenes.scenes("val")[0])
    columns = dict(zip("xyz", scene.coord.T)) | dict(zip(("red", "green", "blue"), scene.color.T))
    write_ply(tmp_path / "a.ply", columns | dict(zip(("nx", "ny", "nz"), scene.normal.T)))
    tiled = ("max_points=1500", "halo=0.3", f"interpolation={interpolation}")
    run("pointnc.predict", f"checkpoint={device_run}", "input=a.ply", "out=labeled", *tiled, folder=tmp_path)
    cloud = read_cloud(tmp_path / "labeled" / "a.ply")
    confidence = cloud.attributes["confidence"]
    assert len(cloud.attributes["label"]) == len(scene) and ((0 < confidence) & (confidence <= 1)).all()
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


def test_weights_go_there_and_back(device_run: Path, tmp_path: Path, waits: Waits) -> None:
    run("pointnc.weights", f"export={device_run}", "out=bundle", "license=cc0-1.0", folder=tmp_path)
    shutil.copytree(device_run, tmp_path / "run")
    run("pointnc.evaluate", "checkpoint=bundle", f"data_root={store_of(device_run)}", "out=a.json", folder=tmp_path)
    assert (tmp_path / "a.json").is_file()


def store_of(device_run: Path) -> str:
    return next(line.split(": ")[1] for line in (device_run / "config.yaml").read_text().splitlines() if "store: /" in line)
