"""evaluate, submit and predict by several processes: what one process writes, to the bit."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from data_prep.scannet.preparation import prepare
from pointnc.proof.runs import Command
from pointnc.scenes.store import SceneStore
from tests.helpers.commands import run
from tests.helpers.mistakes import assert_mistake
from tests.helpers.synthetic import write_raw_root
from tests.helpers.untrained import write_checkpoint


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, a checkpoint, clouds in two folders, and what one process makes of them."""
    home = tmp_path_factory.mktemp("home")
    prepare(write_raw_root(home / "raw", train=1, val=5), home / "store", workers=1)
    write_checkpoint(home / "best.ckpt", home / "store")
    for number, name in enumerate(SceneStore(home / "store").scenes("val")):
        source = home / "raw" / "scans" / name / f"{name}_vh_clean_2.ply"
        (home / f"clouds{number % 2}").mkdir(exist_ok=True)
        shutil.copy(source, home / f"clouds{number % 2}" / f"{name}.ply")
    shutil.copytree(home / "clouds0", home / "clouds0" / "again")  # a second cloud of each name
    (home / "clouds1" / "broken.ply").write_text("ply\nno")
    for line in commands(home, "one"):
        run(*line, folder=home, code=1 if "predict" in line[0] else 0)
    return home


def commands(home: Path, out: str, *more: str) -> list[list[str]]:
    common = ["checkpoint=best.ckpt", "accelerator=cpu", *more]
    return [
        ["pointnc.evaluate", *common, f"out={out}/scores.json"],
        ["pointnc.submit", *common, "split=val", f"out={out}/submission.zip", f"cache={out}/cache"],
        ["pointnc.predict", *common, "input='clouds*/**/*.ply'", f"out={out}/labeled", "colors=true"],
    ]


def results(folder: Path) -> dict[str, str]:
    """Hashes of all results; seconds of evaluate are no result."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "cache" not in path.parts:
            data = path.read_bytes()
            if path.name == "scores.json":
                data = json.dumps({**json.loads(data), "seconds": None}).encode()
            found[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found


def torchrun(home: Path, processes: int, lines: list[list[str]]) -> str:
    arguments = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    code, text = Command([*arguments, "-m", "tests.sharing.ranks", json.dumps(lines)], home).finish(180)
    assert code == 0, text
    return text


@pytest.mark.slow
def test_ranks_of_torchrun_make_what_one_process_makes(home: Path) -> None:
    shutil.copytree(home / "store", home / "damaged")
    names = SceneStore(home / "damaged").scenes("val")
    (home / "damaged" / "val" / names[3] / "segment200.npy").unlink()
    evaluate = ["pointnc.evaluate", "checkpoint=best.ckpt", "accelerator=cpu"]
    text = torchrun(home, 2, [*commands(home, "ranks"), [*evaluate, "split=train"], [*evaluate, "data_root=damaged"]])
    assert results(home / "ranks") == results(home / "one")
    assert not list((home / "ranks").glob("*.shards"))
    assert text.count("5 scenes of val: mIoU") == 1 and text.count("4 of 9 failed") == 1
    # A mistake, also of one rank alone, is one line and the exit code of all.
    assert text.count("error: torchrun started 2 processes: there are only 1 scenes") == 1
    assert text.count(f"error: scene {names[3]} has no segment200.npy") == 1
    assert text.count("codes [0, 0, 1, 2, 2]") == 1 and text.count("codes [0, 0, 0, 2, 2]") == 1


@pytest.mark.slow
def test_shards_and_a_merge_make_what_one_process_makes(home: Path) -> None:
    for number in (2, 3, 1):
        for line in commands(home, "shards", f"shard={number}/3"):
            # Four of nine clouds cannot be labeled; each part has one of them.
            run(*line, folder=home, code=1 if "predict" in line[0] else 0)
        if number == 3:
            for line in commands(home, "shards", "shard=merge"):
                assert_mistake(run(*line, folder=home, code=2), "shards", "1 of 3 shards")
    for line in commands(home, "shards", "shard=merge"):
        done = run(*line, folder=home, code=1 if "predict" in line[0] else 0)
        assert "merge" not in done.stdout
    assert results(home / "shards") == results(home / "one")


@pytest.mark.parametrize(
    ("shard", "mistake"),
    [
        ("17/16", ("option", "shard=17/16")),
        ("0/4", ("option", "shard=0/4")),
        ("2/100", ("too-many-processes", "shard=2/100")),
        ("merge", ("shards", "shard=1/N")),
    ],
)
def test_mistakes(home: Path, shard: str, mistake: tuple[str, ...]) -> None:
    for line in commands(home, "none", f"shard={shard}"):
        assert_mistake(run(*line, folder=home, code=2), *mistake)
    assert not list((home / "none").rglob("*.jsonl"))
