"""The runs of ``doctor prove=true``, on the CPU, as a user starts them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from pointnc.benchmarks import scannet
from pointnc.proof.runs import Command, Runs
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


def test_a_command_that_hangs_is_given_up_with_all_its_processes(tmp_path: Path) -> None:
    """As torchrun's ranks do, the child has a session of its own and holds what the command writes to."""
    (tmp_path / "hang.py").write_text(
        "import os, signal, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "signal.signal(signal.SIGTERM, lambda *_: (child.kill(), child.wait(), sys.exit(0)))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(1000)\n"
    )
    code, output = Command(("hang.py",), tmp_path).finish(patience=2)
    child, *_, last = output.splitlines()
    assert code == 0 and last == "given up after 2 seconds"
    with pytest.raises(ProcessLookupError):
        os.kill(int(child), 0)
