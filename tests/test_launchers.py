"""Sweeps whose jobs run elsewhere: they train, and what goes wrong in a job comes back to the command."""

import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.scannet.preparation import prepare
from tests.commands.test_entry import QUICK, command
from tests.helpers.mistakes import assert_line
from tests.helpers.synthetic import write_raw_root

pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="the extra slurm is not installed")
SWEEP = ["-m", "hydra/launcher=submitit_local", *QUICK]


@pytest.mark.slow
def test_a_job_trains_in_a_process_of_its_own_and_the_mistake_of_another_is_the_line_of_the_command(
    tmp_path: Path,
) -> None:
    prepare(write_raw_root(tmp_path / "raw", train=1, val=1), tmp_path / "store", workers=1)
    sweep = [*SWEEP, "sampling=uniform,odd", "run_dir=run-${sampling}", "dataset.store=store"]
    done = command("pointnc.train", *sweep, folder=tmp_path, code=2)
    assert_line(done.stderr.splitlines()[-1], "sampling=odd")
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run-uniform" / "metrics.json").is_file()
    logs = [path.read_text() for path in (tmp_path / ".submitit").glob("*/*_log.out")]
    assert sorted("run-uniform" in log for log in logs) == [False, True]


def test_a_fault_of_ours_in_a_job_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(
        "from pointnc.commands.entry import entry\n"
        "@entry(None, 'pointnc.train')\n"
        "def main(config):\n"
        "    raise ValueError('a fault of ours')\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "faulty.py", *SWEEP, "seed=0,1"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={"PYTHONPATH": str(Path(__file__).parent.parent), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "RuntimeError: a job failed: ValueError: a fault of ours; its log says where"
    logs = [path.read_text() for path in (tmp_path / ".submitit").glob("*/*_log.err")]
    assert len(logs) == 2 and all("in main" in log for log in logs)


def test_without_slurm_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # wherever the tests run, sbatch and srun are not to be found
    arguments = ["-m", "hydra/launcher=submitit_slurm", *QUICK]
    done = command("pointnc.train", *arguments, folder=tmp_path, code=2)
    assert_line(done.stderr.strip().splitlines()[-1], "hydra/launcher=submitit_slurm", "sbatch")
