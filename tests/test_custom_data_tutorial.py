"""docs/custom_data.md is run as it stands: its commands are taken out of the Markdown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

from pointnc.benchmarks.scannet import taxonomy
from pointnc.clouds import read_cloud
from pointnc.scenes import SceneStore, Taxonomy
from tests.helpers.commands import run

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parent.parent / "docs" / "custom_data.md"
REPOSITORY = DOCUMENT.parent.parent


def commands() -> list[str]:
    """Every line of every block that is marked as bash."""
    blocks = [token.content for token in MarkdownIt().parse(DOCUMENT.read_text("utf-8")) if token.info == "bash"]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tutorial was gone through, each command by bash, in its order."""
    folder = tmp_path_factory.mktemp("tutorial")
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {
        **os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    lines = commands()
    modules = {line.split()[2] for line in lines}
    assert modules >= {f"data_prep.{name}" for name in ("export", "taxonomy", "custom", "check", "stats")}
    assert modules >= {"pointnc.train", "pointnc.predict"}
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return folder


def test_store_holds_what_the_files_hold(folder: Path) -> None:
    store, files = SceneStore(folder / "demo/store"), folder / "demo/rooms"
    assert store.splits() == ["train", "val"]
    assert store.manifest is not None
    classes = Taxonomy.from_dict(store.manifest["taxonomies"]["segment"])
    for split, count in (("train", 6), ("val", 2)):
        assert len(store.scenes(split)) == count
        for name in store.scenes(split):
            cloud, scene = read_cloud(files / split / f"{name}.ply"), store.load(split, name, "segment")
            np.testing.assert_array_equal(scene.coord, cloud.coord.astype(np.float32))
            np.testing.assert_array_equal(scene.color, cloud.color)
            np.testing.assert_allclose(scene.normal, cloud.normal, atol=1e-6)
            np.testing.assert_array_equal(classes.decode(scene.semantic, ignore_id=-1), cloud.attributes["label"])
            np.testing.assert_array_equal(scene.instance, cloud.attributes["instance"])


def test_names_came_from_scannet200(folder: Path) -> None:
    ours, theirs = Taxonomy.from_yaml(folder / "demo/rooms/taxonomy.yaml"), taxonomy("scannet200")
    named = dict(zip(theirs.ids, theirs.names))
    assert [named[number] for number in ours.ids] == list(ours.names)
    assert {"head", "common", "tail"} == set(ours.groups)


def test_statistics_agree_with_the_store(folder: Path) -> None:
    found = json.loads((folder / "demo/stats/stats.json").read_text())
    labels = np.concatenate([np.load(path) for path in (folder / "demo/store/train").glob("*/segment.npy")])
    counts = np.bincount(labels[labels >= 0], minlength=len(found["classes"]))
    assert [row["points"]["train"] for row in found["classes"]] == counts.tolist()
    assert found["imbalance_ratio"] == counts.max() / counts[counts > 0].min()
    assert (folder / "demo/stats/stats.html").stat().st_size > 10_000


def test_trained_network_labels_files_with_our_ids(folder: Path) -> None:
    scores = json.loads((folder / "demo/scores.json").read_text())
    metrics = json.loads((folder / "demo/run/metrics.json").read_text())
    assert scores["miou"] == pytest.approx(metrics["miou"], abs=0.01)
    ours = Taxonomy.from_yaml(folder / "demo/rooms/taxonomy.yaml")
    files = sorted((folder / "demo/labeled").glob("*.ply"))
    assert len(files) == 2
    for path in files:
        assert set(np.unique(read_cloud(path).attributes["predicted_label"])) <= set(ours.ids)


def test_second_run_does_nothing_again(folder: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in (folder / "demo/store").glob("*/*/scene.json")}
    done = run("data_prep.custom", "root=demo/rooms", "out=demo/store", "workers=1", folder=folder)
    assert "8 scenes were done before, 0 files failed" in done.stdout
    assert times == {path: path.stat().st_mtime_ns for path in times}
