"""The short pages are gone through as they stand: every command on them is run, trainings on small settings."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_prep.rooms.store import make_store
from data_prep.scannet.preparation import prepare
from tests.helpers.commands import run
from tests.helpers.pages import ROOT, START, command, lines
from tests.helpers.synthetic import write_raw_root
from tests.helpers.untrained import write_checkpoint

TROUBLE = ROOT / "docs" / "troubleshooting.md"
PAGES = [
    ROOT / "docs" / "index.md",
    ROOT / "docs" / "start.md",
    TROUBLE,
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
]

SMALL = (
    "steps=2", "trainer.max_epochs=null", "trainer.check_val_every_n_epoch=null", "trainer.accelerator=cpu", "workers=0",
    "batch_size=1", "model.planes=[8,8]", "model.layers=[1,1]", "dataset.voxel_size=0.15", "logger=none",
)  # fmt: skip
"""A training of two steps, whatever the recipe."""

ROOMS = ("dataset.prepare.train=1", "dataset.prepare.val=1")
"""Two rooms, where a page makes the demo's fifty."""

STUDY = ("seeds=[0]", "only=[ce]", f"common={[*ROOMS, *SMALL, 'data_root=data/rooms']}".replace(" ", ""))

INSTEAD = {"scene0040_00": "scene0001_00", "trainer.max_epochs=40": "steps=3", "trainer.max_epochs=41": "steps=4"}
"""What is another one with fewer rooms and steps."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages take for there: raw scans, a store, a run, clouds."""
    home = tmp_path_factory.mktemp("home")
    prepare(write_raw_root(home / "scannet", train=2, val=1, test=1), home / "store", workers=1)
    checkpoint = home / "runs" / "rooms" / "first" / "checkpoints" / "best.ckpt"
    checkpoint.parent.mkdir(parents=True)
    write_checkpoint(checkpoint, home / "store")
    make_store(home / "data" / "rooms", train=1, val=1, seed=0, workers=1)
    tiny = [*SMALL, "dataset=custom", "data_root=store", "dataset.taxonomy.segment=segment200"]
    run("pointnc.train", *tiny, "run_dir=runs/rooms/trained", folder=home)
    run("pointnc.submit", f"checkpoint={checkpoint}", "data_root=store", "out=theirs.zip", folder=home)
    run("data_prep.export", "store=store", "out=rooms", "format=ply", "splits=[train,val]", folder=home)
    (home / "scans").mkdir()
    for mesh in sorted((home / "scannet" / "scans").glob("*/*_vh_clean_2.ply")):
        shutil.copy(mesh, home / "scans")
    shutil.copy(mesh, home / "room.ply")
    age = time.time() + 60  # the newest run
    os.utime(checkpoint, (age, age))
    return home


def settings(module: str, given: list[str]) -> list[str]:
    """What is typed, on small settings; patterns of files as a shell gives them."""
    given = [name for one in given for name in (_matching(one) if "*" in one and "=" not in one else [one])]
    if module == "pointnc.train" and not any(one.startswith("resume=") and "auto" not in one for one in given):
        demo = not any(one.startswith(("data_root=", "dataset=")) for one in given)
        recipe = any(one.startswith("dataset=scannet") for one in given)
        given += [one for one in SMALL if one.partition("=")[0] not in {name.partition("=")[0] for name in given}]
        given += ROOMS if demo else ()
        given += ["augmentation.transforms.steps.elastic=null"] if recipe else ()
    return [*given, *STUDY] if module == "pointnc.study" else given


def _matching(pattern: str) -> list[str]:
    return sorted(map(str, Path().glob(pattern)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_page_runs(
    page: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(home, folder)
    monkeypatch.chdir(folder)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    commands = list(lines(page, "bash"))
    assert commands
    for line in commands:
        for word, other in INSTEAD.items():
            line = line.replace(word, other)
        if START.match(line):
            module, given = command(line)
            if module == "pointnc.doctor" and not given and page.stem != "start":
                continue  # the same ten seconds once more
            run(module, *settings(module, given), folder=folder)
        else:
            subprocess.run(shlex.split(line), cwd=folder, env=environment, check=True, capture_output=True)


def test_messages_that_are_quoted_are_those_of_the_code() -> None:
    """Headings in code quote a line of ours, or one of those that others print."""
    others = {
        "device: CPU", "No module named 'spconv'", "cumm", "no kernel image is available for execution on the device",
        "pointnc: command not found", "Failed to initialize GLFW", "CUDA out of memory",
        "DataLoader worker is killed by signal: Bus error", "there is no setting epochs; did you mean trainer.max_epochs=?",
    }  # fmt: skip
    sources = [path.read_text("utf-8") for top in ("pointnc", "data_prep") for path in (ROOT / top).rglob("*.py")]
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(sources))
    headings = [line for line in TROUBLE.read_text("utf-8").splitlines() if line.startswith("### ")]
    assert len(headings) >= 20
    quoted = {one for line in headings for one in re.findall(r"`([^`]+)`", line)}
    assert quoted >= others
    assert [one for one in quoted - others if one not in code] == []
