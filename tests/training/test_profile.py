"""A profiled run: a trace that can be opened, phases that add up, and the same weights as without."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch

from pointnc.training.profile import PHASES
from pointnc.weights.checkpoint import read_checkpoint
from tests.helpers.commands import run
from tests.helpers.synthetic import write_raw_root

SETTINGS = ("dataset.prepare=null", "trainer.accelerator=cpu", "workers=0", "batch_size=1", "logger=none")
PLAN = ("model.planes=[8,16,16,8]", "model.layers=[1,1,1,1]", "dataset.voxel_size=0.1", "trainer.max_epochs=2")


def test_a_profile_has_a_trace_and_a_table_and_changes_nothing(tmp_path: Path) -> None:
    from data_prep.scannet.preparation import prepare

    prepare(write_raw_root(tmp_path / "raw", train=2, val=1), tmp_path / "store", workers=1)
    store = f"dataset.store={tmp_path / 'store'}"
    plain = run("pointnc.train", *SETTINGS, *PLAN, store, "run_dir=plain", folder=tmp_path)
    done = run("pointnc.train", *SETTINGS, *PLAN, store, "run_dir=traced", "profile=true", folder=tmp_path)
    assert "phase of a step" in done.stdout and "phase of a step" not in plain.stdout
    states = [read_checkpoint(tmp_path / name).model_state for name in ("plain", "traced")]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())

    folder = tmp_path / "traced" / "profile"
    assert sorted(path.name for path in folder.iterdir()) == ["profile.md", "trace.json.gz"]
    with gzip.open(folder / "trace.json.gz") as stream:
        names = {event.get("name") for event in json.load(stream)["traceEvents"]}
    assert set(PHASES) <= names
    rows = [line.split(" | ") for line in (folder / "profile.md").read_text().splitlines() if line.startswith("| ")]
    phases = {row[0].strip("| "): float(row[1]) for row in rows if row[0].strip("| ") in PHASES}
    assert phases.keys() == set(PHASES) and all(taken > 0 for taken in phases.values())
    shares = [float(row[2].strip(" |%")) for row in rows if row[0].strip("| ") in PHASES]
    assert sum(shares) == pytest.approx(100, abs=4)
    assert len(rows) == 2 + len(PHASES) + 10
