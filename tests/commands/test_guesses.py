"""Wrong guesses of a user get one line that names the right one; every command has one name."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pointnc.__main__ import COMMANDS
from pointnc.commands.guesses import unknown_choice, unknown_setting
from pointnc.training.run_folder import newest_run
from tests.helpers.commands import run
from tests.helpers.labeled_rooms import columns, write
from tests.helpers.mistakes import assert_line, assert_mistake
from tests.helpers.untrained import write_checkpoint

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "arguments", "mistake"),
    [
        ("pointnc.train", ["epochs=3"], ("unknown-setting", "epochs;", "trainer.max_epochs=?")),
        ("pointnc.train", ["--lr", "0.1"], ("unknown-setting", "lr;", "optimizer.lr=?")),
        ("pointnc.train", ["--batch_siz=2"], ("unknown-setting", "batch_siz;", "batch_size=?")),
        ("pointnc.train", ["voxel_size=0.1"], ("unknown-setting", "dataset.voxel_size=?")),
        ("pointnc.train", ["device=cpu"], ("unknown-setting", "trainer.accelerator=?")),
        ("pointnc.train", ["trainer.max_epoch=3"], ("unknown-setting", "trainer.max_epochs=?")),
        ("pointnc.train", ["dataset=scannet"], ("unknown-name", "dataset=scannet", "scannet20 or scannet200?")),
        ("pointnc.train", ["--dataset", "scannet"], ("unknown-name", "dataset=scannet", "scannet20 or scannet200?")),
        ("pointnc.train", ["model=minkunet34x"], ("unknown-name", "model=minkunet34x", "minkunet34c")),
        ("pointnc.train", ["model=nothing-like-it"], ("unknown-name", "model=nothing-like-it", "spunet")),
        (
            "pointnc.train",
            ["experiment=scannet200_papper"],
            ("unknown-name", "experiment=scannet200_papper", "scannet200_paper"),
        ),
        ("pointnc.train", ["mix_probability=0"], ("unknown-setting", "augmentation.mix_probability=?")),
        ("pointnc.predict", ["ckpt=run"], ("unknown-setting", "checkpoint=?")),
        ("pointnc.predict", ["--output", "out"], ("unknown-setting", "output;", "out=?")),
        ("pointnc.evaluate", ["tta=many"], ("unknown-name", "tta=many", "fast, full or none")),
        ("pointnc.study", ["experiment=room"], ("unknown-name", "experiment=room", "rooms?")),
        ("data_prep.rooms", ["rooms=3"], ("unknown-setting", "rooms", "--help")),
        ("pointnc.train", ["scannet200"], ("unknown-setting", "'scannet200'", "name=value")),
        ("pointnc.weights", ["overwrite=true", "list"], ("unknown-setting", "'list'", "name=value")),
        ("pointnc.study", [""], ("unknown-setting", "''", "name=value")),
    ],
)
def test_a_wrong_guess_gets_a_line(module: str, arguments: list[str], mistake: tuple[str, ...], tmp_path: Path) -> None:
    done = run(module, *arguments, folder=tmp_path, code=2)
    assert_mistake(done, *mistake)
    assert "+" not in done.stderr


def test_nothing_is_meant_by_nonsense() -> None:
    assert unknown_setting("xyzzy", ["seed", "workers"]) == "there is no setting xyzzy (--help lists all)"
    assert unknown_choice("model", "xyzzy", ["a", "b", "c"]) == "there is no model=xyzzy; choose a, b or c?"


def pointnc(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pointnc", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_every_command_has_a_name_and_a_line() -> None:
    done = pointnc()
    assert done.returncode == 0 and done.stdout == pointnc("--help").stdout
    for name, (module, purpose) in COMMANDS.items():
        assert f"  {name} " in done.stdout and purpose in done.stdout
        found = importlib.import_module(module)
        assert callable((importlib.import_module(f"{module}.__main__") if hasattr(found, "__path__") else found).main)
    starters = {path.stem for path in (ROOT / "pointnc").glob("*.py") if '__name__ == "__main__"' in path.read_text()}
    assert starters - {"__main__"} <= {module.partition(".")[2] for module, _ in COMMANDS.values()}


def test_a_command_runs_under_its_name() -> None:
    done = pointnc("rooms", "--help")
    assert done.returncode == 0 and done.stdout.startswith("python -m data_prep.rooms: Procedural rooms")
    done = pointnc("predct", "room.ply")
    assert (done.returncode, done.stdout) == (2, "")
    assert_line(done.stderr, "predct", "predict?", "pointnc --help")
    done = pointnc("predict", "--max-points", "many", "room.ply")
    assert done.returncode == 2
    assert_line(done.stderr, "max_points=many")


def test_help_loads_no_library() -> None:
    code = "import sys; sys.argv = ['pointnc', '--help']; import runpy\ntry: runpy.run_module('pointnc')\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "print([m for m in ('torch', 'numpy', 'hydra') if m in sys.modules])"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_file_alone_is_labeled_by_the_newest_run(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    write(tmp_path / "scans" / "room.ply", columns())
    done = run("pointnc.predict", "scans/room.ply", "accelerator=cpu", folder=tmp_path, code=2)
    assert_mistake(done, "nothing-there", "checkpoint=RUN", tmp_path / "runs")
    for number, name in enumerate(("older", "newer")):
        place = tmp_path / "runs" / "rooms-volt" / name / "checkpoints" / "best.ckpt"
        place.parent.mkdir(parents=True)
        write_checkpoint(place, tmp_path / "store")
        os.utime(place, (number, number))
    done = run("pointnc.predict", "scans/room.ply", "accelerator=cpu", folder=tmp_path)
    assert done.stdout.splitlines()[0] == "checkpoint=runs/rooms-volt/newer, the newest run"
    assert (tmp_path / "scans" / "labeled" / "room.ply").is_file()
    shutil.move(tmp_path / "runs" / "rooms-volt" / "newer", tmp_path / "runs" / "named")  # by run_dir=runs/named
    assert newest_run(tmp_path / "runs") == tmp_path / "runs" / "named"
    assert_mistake(
        run("pointnc.predict", folder=tmp_path, code=2), "missing-setting", "pointnc predict FILES", "input=FILES"
    )
