"""Scores as files: what is written can be read back and adds up."""

import csv
import json
import math
from pathlib import Path

import numpy as np

from pointnc.benchmarks.scannet import taxonomy
from pointnc.scoring.outputs import latex_row, split_means, write_scores
from pointnc.scoring.tables import score

FINE = taxonomy("scannet200")


def counts(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 50, (200, 201))
    absent = [*FINE.train_only, 7]
    table[absent] = 0
    table[:, absent] = 0
    return table


def test_the_two_means_of_scannet200() -> None:
    scores = score(counts(0), FINE)
    means = split_means(scores, FINE)
    defined = [value for value in scores.iou if not math.isnan(value)]
    assert len(defined) == 188  # one of the 189 is absent too
    assert means["miou_val_classes"] == np.mean(defined)
    assert math.isclose(means["miou_all_classes"], sum(defined) / 200)


def test_files(tmp_path: Path) -> None:
    scenes = {"a": counts(1), "b": counts(2)}
    total = scenes["a"] + scenes["b"]
    scores = score(total, FINE)
    files = write_scores(tmp_path / "val.json", scores, FINE, total, scenes, {"majority_miou": 1.5})
    assert sorted(path.name for path in files) == sorted(path.name for path in tmp_path.iterdir())
    data = json.loads((tmp_path / "val.json").read_text())
    assert data["convention"] == "official"
    assert data["majority_miou"] == 1.5
    assert data["per_class"]["chair"] == scores.iou[FINE.names.index("chair")]
    assert data["per_class"][FINE.names[7]] is None
    with (tmp_path / "val_confusion.csv").open() as stream:
        rows = list(csv.reader(stream))
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], int), total)
    with (tmp_path / "val_scenes.csv").open() as stream:
        by_scene = {row["scene"]: row for row in csv.DictReader(stream)}
    assert math.isclose(float(by_scene["b"]["miou"]), score(scenes["b"], FINE).miou, abs_tol=1e-4)
    with (tmp_path / "val.csv").open() as stream:
        classes = list(csv.DictReader(stream))
    assert [int(row["id"]) for row in classes] == list(FINE.ids)
    assert classes[7]["iou"] == ""
    assert sum(int(row["points"]) for row in classes) == total.sum()
    row = latex_row(scores).splitlines()[1]
    assert row.endswith("\\\\")
    assert row.split(" & ")[0] == f"{scores.miou:.1f}"
