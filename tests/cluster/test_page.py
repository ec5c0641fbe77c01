"""docs/cluster.md: its scripts are bash, its commands exist and compose, and its job array is run as it stands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from data_prep.scannet.preparation import prepare
from tests.helpers.commands import schema_of, settings
from tests.helpers.synthetic import write_raw_root
from tests.helpers.untrained import write_checkpoint

ROOT = Path(__file__).parents[2]
BLOCKS = [
    token.content
    for token in MarkdownIt().parse((ROOT / "docs" / "cluster.md").read_text("utf-8"))
    if token.type in ("fence", "code_block")
]
SCRIPTS = {re.findall(r"--job-name=(\w+)", block)[0]: block for block in BLOCKS if block.startswith("#!")}


def commands() -> list[str]:
    """Whatever follows ``-m`` in the page, each with its arguments."""
    lines = "\n".join(BLOCKS).replace("\\\n", " ").splitlines()
    return [found[1] for line in lines if (found := re.search(r"(?:python|\s) -m ((?:pointnc|data_prep)\..*)", line))]


def test_scripts_are_bash() -> None:
    assert set(SCRIPTS) == {"predict", "train"}
    for block in BLOCKS:
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert done.returncode == 0, block + done.stderr


@pytest.mark.parametrize("command", commands())
def test_settings_exist(command: str) -> None:
    module, *given = shlex.split(re.sub(r"\$\{1:-.*?\}", "merge", command), comments=True)
    if "-m" in given:  # a sweep: its first combination
        given = [one.partition(",")[0] for one in given]
    given = [one for one in given if one not in ("&", "-m", "…")]
    settings(schema_of(module), *(one for one in given if not one.startswith(("hydra/", "hydra."))))


def test_the_page_names_every_kind_of_work() -> None:
    modules = {command.split()[0] for command in commands()}
    assert modules >= {"pointnc.train", "pointnc.predict", "pointnc.study", "data_prep.scannet"}


@pytest.mark.slow
def test_the_job_array_and_its_merge(tmp_path: Path) -> None:
    """The script with two parts, as Slurm would run it."""
    prepare(write_raw_root(tmp_path / "raw", train=1, val=2), tmp_path / "store", workers=1)
    (tmp_path / "runs").mkdir()
    shutil.move(write_checkpoint(tmp_path / "best.ckpt", tmp_path / "store"), tmp_path / "runs" / "big")
    (tmp_path / "scans").mkdir()
    for path in (tmp_path / "raw" / "scans").glob("*/*_vh_clean_2.ply"):
        shutil.copy(path, tmp_path / "scans")
    (tmp_path / "predict.sh").write_text(SCRIPTS["predict"].replace("/4", "/2"))
    environment = {
        **os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    for part, arguments in (("1", []), ("2", []), ("", ["merge"])):
        done = subprocess.run(
            ["bash", "predict.sh", *arguments], cwd=tmp_path, env={**environment, "SLURM_ARRAY_TASK_ID": part},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "labeled").glob("*.ply"))) == 3
    assert (tmp_path / "labeled" / "classes.json").is_file()
    assert not (tmp_path / "labeled.shards").exists()
