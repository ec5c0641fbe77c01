"""What becomes of files of scanners and editors, from the file to the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pointnc.clouds import open_cloud, read_cloud
from pointnc.prediction import label_file
from pointnc.prediction.targets import Targets
from pointnc.scenes import SceneStore
from tests.helpers.commands import run
from tests.helpers.dialects import COLOR, COORD, COUNT, LABEL
from tests.helpers.dialects_laser import CLASS, LASER, SKY, at_scanner, e57, invalid, rgb, xyz
from tests.helpers.labeled_rooms import write_taxonomy
from tests.prediction.test_prediction import TAXONOMY, predictor

IDS = np.array(TAXONOMY.ids)


def brightest() -> np.ndarray:
    """What the network of these tests says: the channel that is greatest, and nothing else counts."""
    return IDS[COLOR.argmax(axis=1)]


@pytest.mark.parametrize("block_points", [10_000, 90])
def test_the_sky_of_a_scan_has_no_label(tmp_path: Path, block_points: int) -> None:
    pytest.importorskip("pye57")
    e57({**xyz(at_scanner()), **rgb(), **invalid("cartesianInvalidState")})(tmp_path / "a.e57")
    targets = Targets.of(tmp_path / "a.e57", tmp_path / "out")
    outcome = label_file(open_cloud(tmp_path / "a.e57"), targets, predictor(), TAXONOMY, block_points=block_points)
    labels = read_cloud(tmp_path / "out" / "a.ply").attributes["label"]
    seen = np.delete(np.arange(COUNT), SKY)
    assert (labels[list(SKY)] == -1).all()
    assert (labels[seen] == brightest()[seen]).mean() > 0.95  # points may share a voxel
    assert outcome.counts.sum() == len(seen)
    assert any(f"{len(SKY)} points are no measurements" in one and "label -1" in one for one in outcome.remarks)


def test_the_sky_of_a_scan_is_left_out_of_a_store(tmp_path: Path) -> None:
    pytest.importorskip("pye57")
    path = tmp_path / "root" / "train" / "a.e57"
    path.parent.mkdir(parents=True)
    e57({**xyz(at_scanner()), **rgb(), **CLASS, **invalid("cartesianInvalidState")})(path)
    write_taxonomy(tmp_path / "root" / "taxonomy.yaml", ("a", "b", "c", "d", "e"), (0, 1, 2, 3, 4))
    done = run("data_prep.custom", "root=root", "out=store", "workers=1", folder=tmp_path)
    assert "60 points are no measurements" in done.stdout
    scene = SceneStore(tmp_path / "store").load("train", "a", "segment")
    seen = np.delete(np.arange(COUNT), SKY)
    np.testing.assert_allclose(scene.coord, COORD[seen], atol=1e-6)
    np.testing.assert_array_equal(scene.semantic, LABEL[seen])
    counted = run("data_prep.taxonomy", "root=root", "out=t.yaml", "workers=1", folder=tmp_path)
    assert counted.stdout and f"{np.sum(LABEL[seen] == 1)}" in counted.stdout
    assert f"  # {np.sum(LABEL[seen] == 1)} points in 1 scenes" in (tmp_path / "t.yaml").read_text()


def test_a_copc_file_is_labeled_as_a_plain_laz(tmp_path: Path) -> None:
    pytest.importorskip("laspy")
    LASER["COPC"].write(tmp_path / "room.copc.laz")
    targets = Targets.of(tmp_path / "room.copc.laz", tmp_path / "out")
    outcome = label_file(open_cloud(tmp_path / "room.copc.laz"), targets, predictor(), TAXONOMY)
    assert [path.name for path in outcome.files] == ["room.laz"] and any("COPC" in one for one in outcome.remarks)
    cloud = read_cloud(tmp_path / "out" / "room.laz")
    assert (cloud.attributes["label"] == brightest()).mean() > 0.95
    np.testing.assert_array_equal(cloud.attributes["classification"], LABEL)


def test_black_colors_are_gray_to_the_network(tmp_path: Path) -> None:
    """Of a las whose format has colors that nobody filled in, the labels are those of the file without colors."""
    names = [*((axis, COORD[:, i]) for i, axis in enumerate("xyz"))]
    black = [(name, np.zeros(COUNT, np.uint16)) for name in ("red", "green", "blue")]
    for path, fields in (("bare.npy", names), ("black.npy", [*names, *black])):
        table = np.zeros(COUNT, [(name, values.dtype) for name, values in fields])
        for name, values in fields:
            table[name] = values
        np.save(tmp_path / path, table)
        label_file(open_cloud(tmp_path / path), Targets(tmp_path / f"out_{path}"), predictor(), TAXONOMY)
    said = [read_cloud(tmp_path / f"out_{name}").attributes for name in ("bare.npy", "black.npy")]
    np.testing.assert_array_equal(said[0]["label"], said[1]["label"])
    np.testing.assert_array_equal(said[0]["confidence"], said[1]["confidence"])
