"""The runs of ``doctor prove=true``, on the CPU, as a user starts them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pointnc.benchmarks import scannet
from pointnc.proof.runs import Runs
from pointnc.proof.transforms import check_transforms

CPU = torch.device("cpu")


@pytest.mark.slow
def test_a_run_is_interrupted_resumed_distributed_and_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pointnc.proof.runs.TRAINING", 2)  # rooms; the doctor makes more
    runs = Runs(tmp_path, CPU, processes=2)
    for check in (runs.check_run, runs.check_torchrun, runs.check_evaluate):
        (outcome,) = check()
        assert outcome.passed, outcome.text
    for outcome in check_transforms(CPU, runs.store, scannet.taxonomy("scannet200")):
        assert outcome.passed and outcome.figures == {"voxels": 1.0, "features": 1.0}


def test_a_run_that_cannot_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    runs = Runs(tmp_path, torch.device("cuda") if not torch.cuda.is_available() else torch.device("mps"), 1)
    (outcome,) = runs.check_run()
    assert not outcome.passed and "exit code 2" in outcome.text and "torch sees no" in outcome.text
    (outcome,) = runs.check_evaluate()
    assert not outcome.passed and outcome.text == "there is no run to evaluate"
